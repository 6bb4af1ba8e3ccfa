/**
 * Moderation, newest or oldest first, along mod_actions_by_target, _by_moderator, _by_channel or _by_time: whichever says
 * most. As with messages, what the index does not know is checked for a bounded number of rows.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import {
  all,
  type Condition,
  ids,
  type Order,
  orderBy,
  type Position,
  type TimeRange,
  within,
} from './page.ts';

export interface ModActionQuery {
  /** Numbers of types; all where left out. */
  types?: readonly number[];
  channelIds?: readonly number[];
  targetUserIds?: readonly number[];
  moderator?: string;
  range: TimeRange;
  order: Order;
  after?: Position | undefined;
  offset: number;
  limit: number;
}

export interface ModActionRow {
  ts: Date;
  key: string;
  type: number;
  platform: string;
  channel: string;
  /** Null where it was nobody (clear), or is not known. */
  target_key_of_user: string | null;
  target_login: string | null;
  /** The target's current name. */
  target_name: string | null;
  moderator: string | null;
  duration_seconds: number | null;
  reason: string | null;
  target_key: string | null;
}

export interface ModActionPage {
  rows: ModActionRow[];
  next: Position | undefined;
}

const EXAMINED_MAX = 20_000;
const EXAMINED_AT_ONCE_MAX = 10_000;

export async function modActionPage(session: Session, query: ModActionQuery): Promise<ModActionPage> {
  const { offset, limit } = query;
  const wanted = offset + limit + 1;
  const rows: ModActionRow[] = [];
  let after = query.after;
  let size = wanted + 100;
  for (let examined = 0; ; size = Math.max(size, EXAMINED_AT_ONCE_MAX)) {
    const found = await examine(session, { ...query, after }, size, wanted - rows.length);
    rows.push(...found.rows);
    const page = rows.slice(offset, offset + limit);
    if (rows.length >= wanted) return { rows: page, next: positionOf(page.at(-1)!) };
    if (!found.end) return { rows: page, next: undefined };
    after = found.end;
    examined += size;
    if (examined >= EXAMINED_MAX) return { rows: page, next: after };
  }
}

async function examine(session: Session, query: ModActionQuery, size: number, wanted: number) {
  const { order } = query;
  const { rows } = await sql<ModActionRow & { matches: boolean; place: number }>`
    SELECT a.ts, a.key, a.type, c.platform, c.name AS channel, u.user_key AS target_key_of_user, a.target_login,
      n.login AS target_name, a.moderator, a.duration_seconds, a.reason, a.target_key, a.matches, a.place
    FROM (
      SELECT a.*, row_number() OVER w AS place, sum(a.matches::int) OVER w AS hit
      FROM (SELECT a.*, (${all(filters(query))}) IS TRUE AS matches FROM (${stretch(query, size)}) a) a
      WINDOW w AS (${orderBy(order, 'a')} ROWS UNBOUNDED PRECEDING)
    ) a JOIN channels c ON c.id = a.channel_id LEFT JOIN users u ON u.id = a.target_user_id
      LEFT JOIN user_names n ON n.id = u.name_id
    WHERE (a.matches AND a.hit <= ${wanted}) OR a.place = ${size}
    ORDER BY a.place`.execute(session.sql);
  const last = rows.at(-1);
  return {
    rows: rows.filter(({ matches }) => matches).slice(0, wanted),
    end: last?.place === size ? positionOf(last) : undefined,
  };
}

function stretch(
  { channelIds, targetUserIds, moderator, range, order, after }: ModActionQuery,
  rows: number,
) {
  const place = within(range, after, order, 'a');
  const select = (conditions: Condition[]) =>
    sql`SELECT a.* FROM mod_actions a WHERE ${all([...conditions, ...place])} ${orderBy(order, 'a')} LIMIT ${rows}`;
  const merged = (values: readonly number[], conditions: Condition[]) =>
    sql`SELECT a.* FROM unnest(${ids(values)}) AS s (id) CROSS JOIN LATERAL (${select(conditions)}) a
      ${orderBy(order, 'a')} LIMIT ${rows}`;
  if (targetUserIds) return merged(targetUserIds, [sql`a.target_user_id = s.id`]);
  if (moderator !== undefined) return select([sql`a.moderator = ${moderator}`]);
  if (channelIds) return merged(channelIds, [sql`a.channel_id = s.id`]);
  return select([]);
}

function filters({ types, channelIds, moderator }: ModActionQuery): Condition[] {
  const conditions: Condition[] = [];
  if (types) conditions.push(sql`a.type = ANY (${[...types]}::smallint[])`);
  if (channelIds) conditions.push(sql`a.channel_id = ANY (${ids(channelIds)})`);
  if (moderator !== undefined) conditions.push(sql`a.moderator = ${moderator}`);
  return conditions;
}

function positionOf({ ts, key }: { ts: Date; key: string }): Position {
  return { tsMs: ts.getTime(), key };
}
