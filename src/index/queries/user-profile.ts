/** What a user's days add up to. Index: user_days_by_user. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';

export interface UserTotals {
  messages: number;
  chars: number;
  /** UTC days with a message. */
  days: number;
  first_at: Date | null;
  last_at: Date | null;
}

export interface UserChannel {
  platform: string;
  channel: string;
  messages: number;
  last_at: Date;
}

export interface UserName {
  login: string;
  display_name: string;
  messages: number;
  first_at: Date | null;
  last_at: Date | null;
}

const NAMES_MAX = 100;

export async function userTotals(session: Session, userId: number): Promise<UserTotals> {
  const { rows } = await sql<UserTotals>`
    SELECT coalesce(sum(messages), 0)::int8 AS messages, coalesce(sum(chars), 0)::int8 AS chars,
      count(DISTINCT day)::int AS days, min(first_ts) AS first_at, max(last_ts) AS last_at
    FROM user_days WHERE user_id = ${userId}`.execute(session.sql);
  return rows[0]!;
}

/** Most messages first. */
export async function userChannels(session: Session, userId: number, limit: number): Promise<UserChannel[]> {
  const { rows } = await sql<UserChannel>`
    SELECT c.platform, c.name AS channel, d.messages, d.last_at
    FROM (
      SELECT channel_id, sum(messages)::int8 AS messages, max(last_ts) AS last_at
      FROM user_days WHERE user_id = ${userId} GROUP BY channel_id
      ORDER BY 2 DESC, 1 LIMIT ${limit}
    ) d JOIN channels c ON c.id = d.channel_id
    ORDER BY d.messages DESC, d.channel_id`.execute(session.sql);
  return rows;
}

/** The latest first; one of which the index holds no message any more has no times. */
export async function userNames(session: Session, userId: number): Promise<UserName[]> {
  const { rows } = await sql<UserName>`
    SELECT n.login, n.display_name, coalesce(d.messages, 0)::int8 AS messages, d.first_at, d.last_at
    FROM user_names n LEFT JOIN (
      SELECT name_id, sum(messages) AS messages, min(first_ts) AS first_at, max(last_ts) AS last_at
      FROM user_days WHERE user_id = ${userId} GROUP BY name_id
    ) d ON d.name_id = n.id
    WHERE n.user_id = ${userId}
    ORDER BY d.last_at DESC NULLS LAST, n.id DESC LIMIT ${NAMES_MAX}`.execute(session.sql);
  return rows;
}
