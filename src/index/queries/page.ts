/** What all pages of the index have in common: a place between two rows, a stretch of time, a direction. */
import { type RawBuilder, sql } from 'kysely';

/** A row's place among the others: its time, then its key. A page begins behind one, which is not part of it. */
export interface Position {
  /** Milliseconds since the epoch. */
  tsMs: number;
  /** Canonical uuid. */
  key: string;
}

/** From `sinceMs` on and before `untilMs`; a side that is missing is open. */
export interface TimeRange {
  sinceMs?: number;
  untilMs?: number;
}

export type Order = 'newest' | 'oldest';

export type Condition = RawBuilder<unknown>;

/** `ORDER BY` of a page; the alias is code, never a client's text. */
export function orderBy(order: Order, alias: string): Condition {
  const [ts, key] = [sql.ref(`${alias}.ts`), sql.ref(`${alias}.key`)];
  return order === 'newest' ? sql`ORDER BY ${ts} DESC, ${key} DESC` : sql`ORDER BY ${ts}, ${key}`;
}

/**
 * What lies in the range and behind the position. The bound on time stands by itself, since neither partitions nor
 * indexes are chosen by a comparison of rows.
 */
export function within(
  range: TimeRange,
  after: Position | undefined,
  order: Order,
  alias: string,
): Condition[] {
  const [ts, key] = [sql.ref(`${alias}.ts`), sql.ref(`${alias}.key`)];
  const conditions: Condition[] = [];
  if (range.sinceMs !== undefined) conditions.push(sql`${ts} >= ${time(range.sinceMs)}`);
  if (range.untilMs !== undefined) conditions.push(sql`${ts} < ${time(range.untilMs)}`);
  if (after === undefined) return conditions;
  const at = time(after.tsMs);
  if (order === 'newest')
    conditions.push(sql`${ts} <= ${at}`, sql`(${ts} < ${at} OR ${key} < ${after.key}::uuid)`);
  else conditions.push(sql`${ts} >= ${at}`, sql`(${ts} > ${at} OR ${key} > ${after.key}::uuid)`);
  return conditions;
}

/** A time as a parameter whose type no planner has to guess. */
export function time(ms: number): Condition {
  return sql`${new Date(ms).toISOString()}::timestamptz`;
}

/** A UTC day as a parameter. */
export function day(ms: number): Condition {
  return sql`${new Date(ms).toISOString().slice(0, 10)}::date`;
}

export function ids(values: readonly number[]): Condition {
  return sql`${[...values]}::int[]`;
}

/** `true` where there is none. */
export function all(conditions: readonly Condition[]): Condition {
  return conditions.length === 0 ? sql`true` : sql.join([...conditions], sql` AND `);
}
