/** Who wrote in channels, in whole UTC days. Index: user_days' key, channel by channel. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { day, ids } from './page.ts';

export interface ActiveUsersQuery {
  channelIds: readonly number[];
  sinceMs: number;
  untilMs: number;
}

/** A user on a day is one; above so many they are not counted one by one. */
const USER_DAYS_MAX = 300_000;

export interface TopUser {
  user_id: number;
  platform: string;
  user_key: string;
  login: string;
  display_name: string;
  messages: number;
}

/** How many different users wrote, and who wrote most. Undefined where there are too many to be counted at once. */
export async function activeUsers(
  session: Session,
  query: ActiveUsersQuery,
  limit: number,
): Promise<{ count: number; top: TopUser[] } | undefined> {
  const size = await userDaysIn(session, query);
  if (size > USER_DAYS_MAX) return undefined;
  const { rows } = await sql<TopUser & { count: number }>`
    SELECT t.count, t.user_id, t.messages, u.platform, u.user_key, n.login, n.display_name
    FROM (
      SELECT d.user_id, sum(d.messages)::int8 AS messages, count(*) OVER () AS count
      FROM unnest(${ids(query.channelIds)}) AS c (id)
        JOIN user_days d ON d.channel_id = c.id
          AND d.day >= ${day(query.sinceMs)} AND d.day <= ${day(query.untilMs - 1)}
      GROUP BY d.user_id ORDER BY 2 DESC, 1 LIMIT ${limit}
    ) t JOIN users u ON u.id = t.user_id LEFT JOIN user_names n ON n.id = u.name_id
    ORDER BY t.messages DESC, t.user_id`.execute(session.sql);
  return { count: rows[0]?.count ?? 0, top: rows };
}

/** The users of each day added up, which is kept with the day. */
async function userDaysIn(
  session: Session,
  { channelIds, sinceMs, untilMs }: ActiveUsersQuery,
): Promise<number> {
  const { rows } = await sql<{ users: number }>`
    SELECT coalesce(sum(s.users), 0)::int8 AS users
    FROM unnest(${ids(channelIds)}) AS c (id) JOIN daily_stats s ON s.channel_id = c.id
      AND s.day >= ${day(sinceMs)} AND s.day <= ${day(untilMs - 1)}`.execute(session.sql);
  return rows[0]!.users;
}
