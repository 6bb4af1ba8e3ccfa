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
  const ts = sql.ref(`${alias}.ts`);
  const conditions: Condition[] = [];
  if (range.sinceMs !== undefined) conditions.push(sql`${ts} >= ${time(range.sinceMs)}`);
  if (range.untilMs !== undefined) conditions.push(sql`${ts} < ${time(range.untilMs)}`);
  if (after === undefined) return conditions;
  const at = time(after.tsMs);
  conditions.push(
    order === 'newest' ? sql`${ts} <= ${at}` : sql`${ts} >= ${at}`,
    behind(after, order, alias),
  );
  return conditions;
}

function behind(after: Position, order: Order, alias: string): Condition {
  const [ts, key] = [sql.ref(`${alias}.ts`), sql.ref(`${alias}.key`)];
  const at = time(after.tsMs);
  return order === 'newest'
    ? sql`(${ts} < ${at} OR ${key} < ${after.key}::uuid)`
    : sql`(${ts} > ${at} OR ${key} > ${after.key}::uuid)`;
}

/**
 * What names the same partitions and nothing else: of narrower bounds the planner would see that few rows lie between them,
 * and read all of those by their time, for each value of a prefix again.
 */
export function wholeMonths({ sinceMs, untilMs }: TimeRange): TimeRange {
  return {
    ...(sinceMs !== undefined && { sinceMs: startOfMonth(sinceMs) }),
    ...(untilMs !== undefined && { untilMs: startOfMonth(untilMs - 1, 1) }),
  };
}

const NARROW_MS = 6 * 3_600_000;

/** A column that stands before the time in an index, and what it is to equal. */
export type Prefix = readonly [column: string, value: Condition];

/**
 * As {@link within}, of rows with this value, read along the index of the column and the time, in its order
 * ({@link orderAlong}). Said as a comparison of rows: of an equality the planner would take the order for granted, and then
 * rather read the index of times alone until enough rows came by, which for what has been silent lately is all of them.
 * Of few hours these are few, while PostgreSQL (before 18) ends a scan by the first column of such a comparison only, and
 * would read on through the whole month where the hours do not fill a page: there it is an equality.
 */
export function along(
  [column, value]: Prefix,
  range: TimeRange,
  after: Position | undefined,
  order: Order,
  alias: string,
): Condition[] {
  const { sinceMs, untilMs } = behindIn(range, after, order);
  if (sinceMs !== undefined && untilMs !== undefined && untilMs - sinceMs <= NARROW_MS)
    return [sql`${sql.ref(`${alias}.${column}`)} = ${value}`, ...within(range, after, order, alias)];
  const place = sql`(${sql.ref(`${alias}.${column}`)}, ${sql.ref(`${alias}.ts`)})`;
  const lower = sinceMs === undefined ? sql`'-infinity'::timestamptz` : time(sinceMs);
  const upper = untilMs === undefined ? sql`'infinity'::timestamptz` : time(untilMs);
  return [
    sql`${place} >= (${value}, ${lower})`,
    sql`${place} < (${value}, ${upper})`,
    ...within(wholeMonths({ sinceMs, untilMs }), undefined, order, alias),
    ...(after ? [behind(after, order, alias)] : []),
  ];
}

/** The part of the range in which a page behind the position lies; the position's own millisecond is in it. */
function behindIn({ sinceMs, untilMs }: TimeRange, after: Position | undefined, order: Order): TimeRange {
  if (!after) return { sinceMs, untilMs };
  return order === 'newest'
    ? { sinceMs, untilMs: Math.min(after.tsMs + 1, untilMs ?? Infinity) }
    : { sinceMs: Math.max(after.tsMs, sinceMs ?? -Infinity), untilMs };
}

/** `ORDER BY` of {@link along}: within the prefix the same as {@link orderBy}. */
export function orderAlong([column]: Prefix, order: Order, alias: string): Condition {
  const columns = [column, 'ts', 'key'].map((name) => sql.ref(`${alias}.${name}`));
  return order === 'newest'
    ? sql`ORDER BY ${sql.join(columns.map((each) => sql`${each} DESC`))}`
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
