/**
 * The days in which users wrote so many messages, going from a time: how far a page has to look. What they wrote on that
 * very day does not count, since only a part of it lies behind. Index: user_days_by_user, read as far as needed.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, type Condition, day, ids, type Order } from './page.ts';

const DAY_MS = 86_400_000;

export interface BusyQuery {
  userIds: readonly number[];
  channelIds?: readonly number[] | undefined;
  order: Order;
  /** Undefined: from the end of all there is. */
  fromMs: number | undefined;
  messages: number;
}

export interface BusyStretch {
  /** Of the first message in it, on the side of the time that it was looked from; ms. */
  nearMs: number;
  /** The other side: beginning or, from old to new, end of a UTC day; ms. */
  farMs: number;
  /** As many as were asked for, or more. */
  messages: number;
}

/** Undefined where there are fewer messages. */
export async function busyStretch(session: Session, query: BusyQuery): Promise<BusyStretch | undefined> {
  const { userIds, channelIds, order, fromMs, messages } = query;
  const isNewest = order === 'newest';
  // The index has the days of one user in order, as the planner knows where an equality says so.
  const who =
    userIds.length === 1 ? sql`d.user_id = ${userIds[0]!}::int` : sql`d.user_id = ANY (${ids(userIds)})`;
  const conditions: Condition[] = [who];
  if (fromMs !== undefined)
    conditions.push(isNewest ? sql`d.day < ${day(fromMs)}` : sql`d.day > ${day(fromMs)}`);
  if (channelIds) conditions.push(sql`d.channel_id = ANY (${ids(channelIds)})`);
  const direction = isNewest ? sql`d.day DESC` : sql`d.day`;
  const near = isNewest ? sql`max(d.last_ts)` : sql`min(d.first_ts)`;
  // Every row counts at least one message, so as many rows suffice.
  const { rows } = await sql<{ day: string; near: Date; messages: number }>`
    SELECT day, near, messages FROM (
      SELECT d.day, sum(d.messages) OVER w AS messages, ${near} OVER w AS near
      FROM (SELECT * FROM user_days d WHERE ${all(conditions)} ORDER BY ${direction} LIMIT ${messages}) d
      WINDOW w AS (ORDER BY ${direction})
    ) d WHERE d.messages >= ${messages} ORDER BY ${direction} LIMIT 1`.execute(session.sql);
  const [row] = rows;
  if (!row) return undefined;
  const farMs = Date.parse(row.day) + (isNewest ? 0 : DAY_MS);
  return { nearMs: row.near.getTime(), farMs, messages: row.messages };
}
