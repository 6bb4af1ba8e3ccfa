/** Stretches of a channel that were not recorded. */
import type { Session } from '../database/database.ts';
import { databaseText } from '../database-text.ts';
import type { IndexIds } from '../index-ids.ts';
import type { IndexedLine } from '../message-row.ts';

/** Lines of type gap whose channels are known. */
export async function insertGaps(
  session: Session,
  gaps: readonly IndexedLine[],
  ids: IndexIds,
): Promise<void> {
  if (gaps.length === 0) return;
  const details = gaps.map(detailOf);
  await session.query(
    `INSERT INTO gaps (channel_id, ts, until, reason, backfill, filled, dropped, key)
     SELECT * FROM unnest($1::int[], $2::text[]::timestamptz[], $3::text[]::timestamptz[], $4::text[], $5::text[],
       $6::int[], $7::int[], $8::uuid[])
     ON CONFLICT DO NOTHING`,
    [
      gaps.map(({ platform, channel }) => ids.channelId(platform, channel)),
      gaps.map(({ timeMs }) => new Date(timeMs).toISOString()),
      details.map(({ untilMs }) => new Date(untilMs).toISOString()),
      details.map(({ reason }) => reason),
      details.map(({ backfill }) => backfill),
      details.map(({ filled }) => filled),
      details.map(({ dropped }) => dropped),
      gaps.map(({ key }) => key),
    ],
  );
}

/** Later times are written in a way that databases do not read. */
const LATEST_MS = Date.UTC(9999, 11, 31);

/** What cannot be read of it is made of the rest: a gap without end is as long as it says, or nothing. */
function detailOf({ event, timeMs }: IndexedLine) {
  const { gap, duration_seconds: seconds, reason } = event;
  const untilMs = Date.parse(String(gap?.until));
  const lastsMs = typeof seconds === 'number' && seconds >= 0 && seconds < 1e10 ? seconds * 1000 : 0;
  return {
    untilMs: untilMs >= 0 && untilMs <= LATEST_MS ? untilMs : Math.round(timeMs + lastsMs),
    reason: typeof reason === 'string' ? databaseText(reason) : '',
    backfill: typeof gap?.backfill === 'string' ? databaseText(gap.backfill) : 'none',
    filled: count(gap?.filled),
    dropped: count(gap?.dropped),
  };
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value : 0;
}
