/** The rows of one UTC day of a channel in the order of time, page by page: memory stays flat, transactions short. */
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { withhold } from '../../privacy/withhold.ts';
import type { Session } from '../database/database.ts';
import { databaseText } from '../database-text.ts';
import { storedEvent } from '../message-row.ts';
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from '../stored-row.ts';
import { DAY_MS } from './due-ranges.ts';

const PAGE_ROWS = 2_000;

export interface RowsOfDay {
  channelId: number;
  dayMs: number;
  privacy: PrivacyGate;
  signal: AbortSignal;
}

/** Runs a piece of work in some transaction of the primary: a replica may lag behind what is about to be deleted. */
export type Ask = <T>(work: (session: Session) => Promise<T>) => Promise<T>;

/** Pages of what may be shown to others: nothing of people who opted out or are to be forgotten. None of them is empty. */
export async function* dayRows(
  ask: Ask,
  { channelId, dayMs, privacy, signal }: RowsOfDay,
): AsyncGenerator<StoredRow[]> {
  let after: Pick<StoredRow, 'ts' | 'key'> | undefined;
  for (;;) {
    signal.throwIfAborted();
    const page = await ask((session) => readPage(session, channelId, dayMs, after));
    const last = page.at(-1);
    const rows = privacy.isEmpty ? page : page.flatMap((row) => withheld(row, privacy));
    if (rows.length > 0) yield rows;
    if (last === undefined || page.length < PAGE_ROWS) return;
    after = last;
  }
}

async function readPage(
  session: Session,
  channelId: number,
  dayMs: number,
  after: Pick<StoredRow, 'ts' | 'key'> | undefined,
): Promise<StoredRow[]> {
  const from = after?.ts ?? new Date(dayMs);
  const beyond = after === undefined ? '' : 'AND (ts, key) > ($2, $5)';
  const parameters = [channelId, from, new Date(dayMs + DAY_MS), PAGE_ROWS];
  const { rows } = await session.query(
    `SELECT ${STORED_COLUMNS} FROM (
       SELECT * FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3 ${beyond} ORDER BY ts, key LIMIT $4
     ) m ${STORED_JOINS} ORDER BY m.ts, m.key`,
    after === undefined ? parameters : [...parameters, after.key],
  );
  return rows as unknown as StoredRow[];
}

function withheld(row: StoredRow, privacy: PrivacyGate): StoredRow[] {
  const verdict = withhold(storedEvent(row), row.ts.getTime(), privacy);
  if (verdict === 'keep') return [row];
  if (verdict === 'remove') return [];
  const whole = { template_id: null, template: null, rest: JSON.stringify(verdict) };
  return [{ ...row, ...whole, text: databaseText(verdict.message) }];
}
