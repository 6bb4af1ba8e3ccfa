/** A user's activity in a stretch of days. Indexes: user_days_by_user, mod_actions_by_target, sessions' key. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, day, ids, time } from './page.ts';

export interface UserStatsQuery {
  userId: number;
  /** All where left out. */
  channelIds?: readonly number[];
  sinceMs: number;
  untilMs: number;
}

export interface UserDay {
  day: string;
  messages: number;
  chars: number;
}

/** Oldest first; days without a message are left out. Whole UTC days that the range touches. */
export async function userDays(session: Session, query: UserStatsQuery): Promise<UserDay[]> {
  const { rows } = await sql<UserDay>`
    SELECT day, sum(messages)::int8 AS messages, sum(chars)::int8 AS chars FROM user_days
    WHERE ${all(ofUser(query))} AND day >= ${day(query.sinceMs)} AND day <= ${day(query.untilMs - 1)}
    GROUP BY day ORDER BY day`.execute(session.sql);
  return rows;
}

/** Number of actions by number of type. */
export async function userModeration(session: Session, query: UserStatsQuery): Promise<Map<number, number>> {
  const { userId, channelIds, sinceMs, untilMs } = query;
  const conditions = [sql`target_user_id = ${userId} AND ts >= ${time(sinceMs)} AND ts < ${time(untilMs)}`];
  if (channelIds) conditions.push(sql`channel_id = ANY (${ids(channelIds)})`);
  const { rows } = await sql<{ type: number; count: number }>`
    SELECT type, count(*) AS count FROM mod_actions WHERE ${all(conditions)} GROUP BY type`.execute(
    session.sql,
  );
  return new Map(rows.map(({ type, count }) => [type, count]));
}

export async function userSessionTotals(
  session: Session,
  query: UserStatsQuery,
): Promise<{ sessions: number; seconds: number }> {
  const { rows } = await sql<{ sessions: number; seconds: number }>`
    SELECT count(*) AS sessions, coalesce(sum(extract(epoch FROM left_at - joined_at)), 0)::float8 AS seconds
    FROM sessions WHERE ${all(ofUser(query))}
      AND joined_at >= ${time(query.sinceMs)} AND joined_at < ${time(query.untilMs)}`.execute(session.sql);
  return rows[0]!;
}

function ofUser({ userId, channelIds }: UserStatsQuery) {
  const conditions = [sql`user_id = ${userId}`];
  if (channelIds) conditions.push(sql`channel_id = ANY (${ids(channelIds)})`);
  return conditions;
}
