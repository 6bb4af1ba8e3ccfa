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

/** Columns of an index before its time, and what they are to equal. */
export type Prefix = readonly (readonly [column: string, value: Condition])[];

/**
 * As {@link within}, of rows whose columns equal the prefix, read along the index of these columns and the time, in its order
 * ({@link orderAlong}). Said as a comparison of rows: of an equality the planner would take the order for granted, and then
 * rather read the index of times alone until enough rows came by, which for what has been silent lately is all of them.
 */
export function along(
  prefix: Prefix,
  range: TimeRange,
  after: Position | undefined,
  order: Order,
  alias: string,
): Condition[] {
  const columns = sql.join([
    ...prefix.map(([column]) => sql.ref(`${alias}.${column}`)),
    sql.ref(`${alias}.ts`),
  ]);
  const row = (ts: Condition) => sql.join([...prefix.map(([, value]) => value), ts]);
  const since = order === 'oldest' && after ? after.tsMs : range.sinceMs;
  const lower = since === undefined ? sql`'-infinity'::timestamptz` : time(since);
  const upper = range.untilMs === undefined ? sql`'infinity'::timestamptz` : time(range.untilMs);
  return [
    sql`(${columns}) >= (${row(lower)})`,
    order === 'newest' && after
      ? sql`(${columns}) <= (${row(time(after.tsMs))})`
      : sql`(${columns}) < (${row(upper)})`,
    ...within(range, after, order, alias),
  ];
}

/** `ORDER BY` of {@link along}: within the prefix the same as {@link orderBy}. */
export function orderAlong(prefix: Prefix, order: Order, alias: string): Condition {
  const columns = [...prefix.map(([column]) => column), 'ts', 'key'].map((column) =>
    sql.ref(`${alias}.${column}`),
  );
  return order === 'newest'
    ? sql`ORDER BY ${sql.join(columns.map((column) => sql`${column} DESC`))}`
    : sql`ORDER BY ${sql.join(columns)}`;
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

/** The beginning of the UTC month, or of one so many months later. */
export function startOfMonth(ms: number, later = 0): number {
  const at = new Date(ms);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later);
}
