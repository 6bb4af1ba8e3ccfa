/** When a user was there, newest first. Index: sessions' key, whose rows of one user are few. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, type Condition, ids, type TimeRange, time } from './page.ts';

export interface SessionRow {
  platform: string;
  channel: string;
  channel_id: number;
  joined_at: Date;
  left_at: Date;
  messages: number;
  has_join: boolean;
  has_part: boolean;
}

export interface SessionsQuery {
  userId: number;
  channelIds?: readonly number[];
  /** Of the beginning. */
  range: TimeRange;
  after?: { joinedMs: number; channelId: number } | undefined;
  offset: number;
  limit: number;
}

/** One more than the limit where there is one. */
export async function userSessions(session: Session, query: SessionsQuery): Promise<SessionRow[]> {
  const { userId, channelIds, range, after, offset, limit } = query;
  const conditions: Condition[] = [sql`s.user_id = ${userId}`];
  if (channelIds) conditions.push(sql`s.channel_id = ANY (${ids(channelIds)})`);
  if (range.sinceMs !== undefined) conditions.push(sql`s.joined_at >= ${time(range.sinceMs)}`);
  if (range.untilMs !== undefined) conditions.push(sql`s.joined_at < ${time(range.untilMs)}`);
  if (after)
    conditions.push(sql`(s.joined_at, s.channel_id) < (${time(after.joinedMs)}, ${after.channelId}::int)`);
  const { rows } = await sql<SessionRow>`
    SELECT c.platform, c.name AS channel, s.* FROM (
      SELECT s.channel_id, s.joined_at, s.left_at, s.messages, s.has_join, s.has_part
      FROM sessions s WHERE ${all(conditions)}
      ORDER BY s.joined_at DESC, s.channel_id DESC LIMIT ${limit + 1} OFFSET ${offset}
    ) s JOIN channels c ON c.id = s.channel_id
    ORDER BY s.joined_at DESC, s.channel_id DESC`.execute(session.sql);
  return rows;
}
