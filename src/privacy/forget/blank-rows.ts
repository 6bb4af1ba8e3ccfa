/**
 * Blanks what rows of others say of a person, or quote of a message, whoever rewrote the files they came from: this
 * instance (which blanked them then), another recorder's, or compaction, which tell this index nothing; also where retention
 * has taken the files. Reads every row that can be concerned once; may be done again at any time.
 */
import type { Database } from '../../index/database/database.ts';
import { databaseText } from '../../index/database-text.ts';
import { IdenticalLines } from '../../index/identical-lines.ts';
import { underLoadLock } from '../../index/load-lock.ts';
import { indexLine, storedEvent, storedLine } from '../../index/message-row.ts';
import { dayRows } from '../../index/retention/day-rows.ts';
import type { StoredRow } from '../../index/stored-row.ts';
import { OPEN_GATE } from '../privacy-gate.ts';
import { blankRow } from './forget-rows.ts';
import type { LineJudge } from './line-judge.ts';
import type { LineChange } from './rewrite-lines.ts';

/** How many rows were blanked. */
export async function blankRows(database: Database, judge: LineJudge, signal: AbortSignal): Promise<number> {
  let blanked = 0;
  for (const { channelId, dayMs } of await channelDays(database, judge)) {
    const identical = new IdenticalLines();
    const day = { channelId, dayMs, privacy: OPEN_GATE, signal };
    for await (const rows of dayRows((work) => database.read(work), day)) {
      const changes = rows.flatMap((row) => changeOf(row, judge, identical) ?? []);
      if (changes.length === 0) continue;
      await underLoadLock(database, { signal }, async (session) => {
        for (const change of changes) await blankRow(session, change);
      });
      blanked += changes.length;
    }
  }
  return blanked;
}

async function channelDays(
  database: Database,
  { platform, channel }: LineJudge,
): Promise<{ channelId: number; dayMs: number }[]> {
  const { rows } = await database.read((session) =>
    session.query(
      `SELECT d.channel_id, d.day::text AS day FROM daily_stats d JOIN channels c ON c.id = d.channel_id
       WHERE c.platform = $1 AND ($2::text IS NULL OR c.name = $2) ORDER BY d.day, d.channel_id`,
      [databaseText(platform), channel === undefined ? null : databaseText(channel)],
    ),
  );
  return rows.map(({ channel_id, day }) => ({
    channelId: channel_id as number,
    dayMs: Date.parse(`${day as string}T00:00:00Z`),
  }));
}

/** Undefined where the row stays, or goes as a whole, which is not done here. */
function changeOf(row: StoredRow, judge: LineJudge, identical: IdenticalLines): LineChange | undefined {
  if (!judge.mayConcern(storedLine(row))) return undefined;
  const timeMs = row.ts.getTime();
  const verdict = judge.judge({ event: storedEvent(row), timeMs, key: row.key });
  if (verdict === 'keep' || verdict === 'remove') return undefined;
  const after = indexLine(Buffer.from(JSON.stringify(verdict)), identical);
  if ('rejected' in after) throw new TypeError(`a blanked row is ${after.rejected}`);
  return { before: { key: row.key, timeMs }, after };
}
