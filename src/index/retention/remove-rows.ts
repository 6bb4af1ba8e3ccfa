/**
 * Takes rows out of the index: first what was derived from messages, then the messages, so that a day of which a crash
 * left something is found again by its messages. Each transaction takes one batch under the load lock.
 */
import type { Database, Session } from '../database/database.ts';
import { underLoadLock } from '../load-lock.ts';
import { dropPartition, listPartitions, type Partition } from '../partitions.ts';
import { DAY_MS } from './due-ranges.ts';

/** Days of one channel that follow each other, all of them free to go. `toMs` is exclusive. */
export interface GoingRange {
  channelId: number;
  fromMs: number;
  toMs: number;
}

export interface RemoveOptions {
  /** Rows per transaction. */
  batch: number;
  lockTimeoutMs: number;
  signal: AbortSignal;
}

const WITHIN = (column: string) => `t.${column} >= r.from_ts AND t.${column} < r.to_ts`;
const WITHIN_DAYS =
  "t.day >= (r.from_ts AT TIME ZONE 'UTC')::date AND t.day < (r.to_ts AT TIME ZONE 'UTC')::date";

/** Tables with rows of a day besides messages. Statistics and gaps stay; so does what pipelines have done and kept. */
const DERIVED = {
  mod_actions: WITHIN('ts'),
  message_edits: WITHIN('ts'),
  message_status: WITHIN('ts'),
  // One that reaches over midnight goes with its last day.
  sessions: WITHIN('left_at'),
  sessions_stale: WITHIN('to_ts'),
  user_days: WITHIN_DAYS,
  // Of pipelines that are no longer configured: there is nothing left for them to run over.
  pipeline_runs: `${WITHIN_DAYS} AND t.state <> 'done'`,
} as const;

/** Neighbouring days as one range. Days may come in any order. */
export function joinDays(days: readonly { channelId: number; dayMs: number }[]): GoingRange[] {
  const ranges: GoingRange[] = [];
  for (const { channelId, dayMs } of days.toSorted(
    (a, b) => a.channelId - b.channelId || a.dayMs - b.dayMs,
  )) {
    const last = ranges.at(-1);
    if (last?.channelId === channelId && last.toMs === dayMs) last.toMs = dayMs + DAY_MS;
    else ranges.push({ channelId, fromMs: dayMs, toMs: dayMs + DAY_MS });
  }
  return ranges;
}

/** Removes what was derived from the ranges' messages; rows per table. */
export async function removeDerived(
  database: Database,
  ranges: readonly GoingRange[],
  options: RemoveOptions,
): Promise<Map<string, number>> {
  const removed = new Map<string, number>();
  for (const [table, condition] of Object.entries(DERIVED)) {
    let total = 0;
    for (let count = options.batch; count === options.batch; total += count)
      count = await underLoadLock(database, options, (session) =>
        deleteBatch(session, table, condition, ranges, options.batch),
      );
    if (total > 0) removed.set(table, total);
  }
  return removed;
}

async function deleteBatch(
  session: Session,
  table: string,
  condition: string,
  ranges: readonly GoingRange[],
  batch: number,
): Promise<number> {
  const { rowCount } = await session.query(
    `DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
       SELECT t.ctid FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) AS r(channel_id, from_ts, to_ts)
       JOIN ${table} t ON t.channel_id = r.channel_id AND ${condition} LIMIT $4))`,
    [...columns(ranges), batch],
  );
  return rowCount;
}

/** Removes messages slice by slice, each about a batch; how many. */
export async function removeMessages(
  database: Database,
  { channelId, fromMs, toMs }: GoingRange,
  options: RemoveOptions,
): Promise<number> {
  let removed = 0;
  for (let nextMs: number | undefined = fromMs; nextMs !== undefined; ) {
    const sliceMs: number = nextMs;
    nextMs = await underLoadLock(database, options, async (session) => {
      const within = [channelId, new Date(sliceMs), new Date(toMs)];
      const { rows } = await session.query(
        `SELECT ts FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3 ORDER BY ts OFFSET $4 LIMIT 1`,
        [...within, options.batch],
      );
      const boundaryMs = (rows[0]?.ts as Date | undefined)?.getTime();
      // More rows than a batch in one millisecond go together.
      const endMs = boundaryMs === undefined ? toMs : Math.max(boundaryMs, sliceMs + 1);
      const { rowCount } = await session.query(
        'DELETE FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3',
        [channelId, new Date(sliceMs), new Date(endMs)],
      );
      removed += rowCount;
      return boundaryMs === undefined ? undefined : endMs;
    });
  }
  return removed;
}

/** The partitions in which there is nothing but what may go; `known` are the ids of all channels that were judged. */
export async function whollyGoing(
  session: Session,
  ranges: readonly GoingRange[],
  known: readonly number[],
  nowMs: number,
): Promise<Partition[]> {
  const going: Partition[] = [];
  for (const partition of await listPartitions(session)) {
    if (partition.toMs <= nowMs && (await isWhollyGoing(session, partition, ranges, known)))
      going.push(partition);
  }
  return going;
}

/** Drops a partition, if there is still nothing in it that stays. Throws `database_conflict` where readers hold it for too long. */
export async function dropIfGoing(
  database: Database,
  partition: Partition,
  ranges: readonly GoingRange[],
  known: readonly number[],
  options: RemoveOptions,
): Promise<boolean> {
  return underLoadLock(database, options, async (session) => {
    if (!(await isWhollyGoing(session, partition, ranges, known))) return false;
    await dropPartition(session, partition.month);
    return true;
  });
}

async function isWhollyGoing(
  session: Session,
  { fromMs, toMs }: Partition,
  ranges: readonly GoingRange[],
  known: readonly number[],
): Promise<boolean> {
  const staying = known.flatMap((channelId) => complement(channelId, ranges, fromMs, toMs));
  const { rows } = await session.query(
    `SELECT EXISTS (
       SELECT FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]) AS r(channel_id, from_ts, to_ts)
       WHERE EXISTS (SELECT FROM messages m WHERE m.channel_id = r.channel_id AND m.ts >= r.from_ts AND m.ts < r.to_ts OFFSET 0)
     ) OR EXISTS (SELECT FROM channels WHERE NOT id = ANY($4::int[])) AS stays`,
    [...columns(staying), known],
  );
  return rows[0]?.stays === false;
}

/** What of a span is none of the channel's ranges. */
export function complement(
  channelId: number,
  ranges: readonly GoingRange[],
  fromMs: number,
  toMs: number,
): GoingRange[] {
  const staying: GoingRange[] = [];
  let startMs = fromMs;
  for (const range of ranges) {
    if (range.channelId !== channelId || range.toMs <= startMs || range.fromMs >= toMs) continue;
    if (range.fromMs > startMs) staying.push({ channelId, fromMs: startMs, toMs: range.fromMs });
    startMs = range.toMs;
  }
  if (startMs < toMs) staying.push({ channelId, fromMs: startMs, toMs });
  return staying;
}

function columns(ranges: readonly GoingRange[]): [number[], string[], string[]] {
  return [
    ranges.map(({ channelId }) => channelId),
    ranges.map(({ fromMs }) => new Date(fromMs).toISOString()),
    ranges.map(({ toMs }) => new Date(toMs).toISOString()),
  ];
}
