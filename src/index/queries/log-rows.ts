/**
 * The lines of a channel, or of a person in a channel, as rows in order of time: page by page, each a short transaction of
 * its own, so that nothing is held while a slow reader reads. Indexes: messages_by_channel; messages_by_user and
 * mod_actions_by_target.
 */
import { type RawBuilder, sql } from 'kysely';
import type { Database, SessionOptions } from '../database/database.ts';
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from '../stored-row.ts';
import { all, type Condition, ids, type Order, orderBy, type Position, within } from './page.ts';

export interface LogRowsQuery {
  /** Not empty; several where a channel was renamed. */
  channelIds: readonly number[];
  /** Only what this user wrote, and what moderation did to them. */
  userId?: number;
  /** Numbers of `messages.type`; all when left out. */
  types?: readonly number[];
  /** Only texts with this in them, upper and lower case alike. */
  contains?: string;
  fromMs: number;
  /** Excluded. */
  toMs: number;
  order: Order;
  after?: Position;
}

const PAGE_ROWS = 1_000;

/** Batches of rows, none of them empty. `firstPage`: no more are needed, as far as is known. */
export async function* logRows(
  database: Database,
  query: LogRowsQuery,
  options: SessionOptions,
  firstPage = PAGE_ROWS,
): AsyncGenerator<StoredRow[]> {
  let { after } = query;
  let pageRows = Math.min(firstPage, PAGE_ROWS);
  for (;;) {
    const page = logPage({ ...query, ...(after && { after }) }, pageRows);
    const { rows } = await database.read((session) => page.execute(session.sql), options);
    if (rows.length > 0) yield rows;
    if (rows.length < pageRows) return;
    const last = rows.at(-1)!;
    after = { tsMs: last.ts.getTime(), key: last.key };
    pageRows = PAGE_ROWS;
  }
}

/** One page of {@link logRows}. */
export function logPage(query: LogRowsQuery, pageRows: number): RawBuilder<StoredRow> {
  const { order } = query;
  const lines = query.userId === undefined ? written(query, pageRows) : ofUser(query, query.userId, pageRows);
  return sql<StoredRow>`
    SELECT ${sql.raw(STORED_COLUMNS)} FROM (${lines}) m ${sql.raw(STORED_JOINS)} ${orderBy(order, 'm')}`;
}

/** From each channel a page, merged. */
function written(query: LogRowsQuery, rows: number): Condition {
  const { channelIds, userId, order, after } = query;
  const conditions = [
    sql`m.channel_id = c.id`,
    ...within(range(query), after, order, 'm'),
    ...filters(query),
  ];
  if (userId !== undefined) conditions.unshift(sql`m.user_id = ${userId}`);
  const each = sql`SELECT m.* FROM messages m WHERE ${all(conditions)} ${orderBy(order, 'm')} LIMIT ${rows}`;
  return sql`SELECT m.* FROM unnest(${ids(channelIds)}) AS c (id) CROSS JOIN LATERAL (${each}) m
    ${orderBy(order, 'm')} LIMIT ${rows}`;
}

/** Moderation names nobody as its author: it is found by whom it happened to. */
function ofUser(query: LogRowsQuery, userId: number, rows: number): Condition {
  const { channelIds, order, after, contains } = query;
  const own = written(query, rows);
  if (contains !== undefined) return own;
  const actions = [
    sql`a.target_user_id = ${userId}`,
    sql`a.channel_id = ANY (${ids(channelIds)})`,
    ...filters(query),
    ...within(range(query), after, order, 'a'),
    ...within(range(query), undefined, order, 'm'),
  ];
  return sql`SELECT * FROM (
    (${own})
    UNION ALL
    (SELECT m.* FROM mod_actions a JOIN messages m ON m.key = a.key AND m.ts = a.ts
      WHERE ${all(actions)} ${orderBy(order, 'a')} LIMIT ${rows})
  ) m ${orderBy(order, 'm')} LIMIT ${rows}`;
}

function filters({ types, contains }: LogRowsQuery): Condition[] {
  const conditions: Condition[] = [];
  if (types) conditions.push(sql`m.type = ANY (${[...types]}::smallint[])`);
  if (contains !== undefined) conditions.push(sql`strpos(lower(m.text), lower(${contains})) > 0`);
  return conditions;
}

function range({ fromMs, toMs }: LogRowsQuery): { sinceMs: number; untilMs: number } {
  return { sinceMs: fromMs, untilMs: toMs };
}
