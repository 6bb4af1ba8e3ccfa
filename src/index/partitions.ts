/**
 * The monthly partitions of `messages`: `messages_YYYY_MM`, UTC. There is no default partition (it would block making and
 * detaching others), so that months are made before their first line, whatever month that is.
 */
import type { Connection, Database, Session } from './database/database.ts';
import { underLoadLock } from './load-lock.ts';

/** Before this no chat was recorded by anyone: the clock was wrong. */
export const EARLIEST_LINE_MS = Date.UTC(2000, 0, 1);
/** Partitions are made so many months ahead of the current one; what says to be later is not indexed. */
export const MONTHS_AHEAD = 3;

/** `2026-11`, UTC. */
export type Month = string;

export interface Partition {
  /** Of the table. */
  name: string;
  month: Month;
  fromMs: number;
  /** Exclusive. */
  toMs: number;
}

let lastHour = Number.NaN;
let lastMonth = '';

/** Asked for every line; most are of the hour of the one before. */
export function monthOf(ms: number): Month {
  const hour = Math.floor(ms / 3_600_000);
  if (hour !== lastHour) {
    lastMonth = new Date(ms).toISOString().slice(0, 7);
    lastHour = hour;
  }
  return lastMonth;
}

export function partitionOf(month: Month): Partition {
  const [year, number] = month.split('-').map(Number) as [number, number];
  return {
    name: `messages_${month.replace('-', '_')}`,
    month,
    fromMs: Date.UTC(year, number - 1),
    toMs: Date.UTC(year, number),
  };
}

/** From this time on no line is indexed. */
export function endOfIndexMs(nowMs: number): number {
  const now = new Date(nowMs);
  return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + MONTHS_AHEAD + 1);
}

/** The current month and those ahead of it. */
export function monthsAhead(nowMs: number): Month[] {
  const now = new Date(nowMs);
  return Array.from({ length: MONTHS_AHEAD + 1 }, (_, index) =>
    monthOf(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + index)),
  );
}

/** Those that exist, the earliest first. */
export async function listPartitions(connection: Connection): Promise<Partition[]> {
  const { rows } = await connection.query(
    "SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'messages'::regclass ORDER BY 1",
  );
  return rows.map(({ name }) => partitionOf(String(name).slice('messages_'.length).replace('_', '-')));
}

/**
 * Makes what is missing, in a transaction of its own; the months that were made. Readers are not in its way nor it in
 * theirs: a table is made and then attached, which waits for no query. Throws `database_conflict` (retryable) where
 * another statement holds the lock for longer than `lockTimeoutMs`.
 */
export async function createPartitions(
  database: Database,
  months: Iterable<Month>,
  lockTimeoutMs: number,
  signal?: AbortSignal,
): Promise<Month[]> {
  return underLoadLock(database, { lockTimeoutMs, signal }, async (session) => {
    const existing = new Set((await listPartitions(session)).map(({ month }) => month));
    const missing = [...new Set(months)].filter((month) => !existing.has(month)).sort();
    for (const month of missing) await createPartition(session, partitionOf(month));
    return missing;
  });
}

async function createPartition(session: Session, { name, fromMs, toMs }: Partition): Promise<void> {
  const from = new Date(fromMs).toISOString();
  const to = new Date(toMs).toISOString();
  await session.exec(
    `CREATE TABLE ${name} (LIKE messages INCLUDING ALL);
     ALTER TABLE messages ATTACH PARTITION ${name} FOR VALUES FROM ('${from}') TO ('${to}');`,
  );
}

/**
 * Drops a partition within the caller's transaction, which holds the load lock (with a `lock_timeout`). Statistics,
 * moderation and what else has tables of its own stay.
 */
export async function dropPartition(session: Session, month: Month): Promise<void> {
  await session.exec(`DROP TABLE IF EXISTS ${partitionOf(month).name}`);
  await forgetIds(session);
}

/** Tells all who remember ids and partitions that some are gone; in the transaction that removed them. */
export async function forgetIds(session: Session): Promise<void> {
  await session.exec("UPDATE index_meta SET value = (value::bigint + 1)::text WHERE name = 'epoch'");
}
