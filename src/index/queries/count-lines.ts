/** How many messages channels or users have, from the statistics: what was removed counts, as do hours and days that a range only touches. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, type Condition, day, ids, type TimeRange, time } from './page.ts';

const HOUR_MS = 3_600_000;
const HOURLY_MAX_MS = 31 * 24 * HOUR_MS;

/** Of channels. Indexes: hourly_stats' key for ranges of up to a month, daily_stats' for longer ones. */
export async function countOfChannels(
  session: Session,
  channelIds: readonly number[],
  range: TimeRange,
): Promise<number> {
  const { sinceMs, untilMs } = range;
  const isShort = sinceMs !== undefined && untilMs !== undefined && untilMs - sinceMs <= HOURLY_MAX_MS;
  const from = isShort
    ? sql`hourly_stats s ON s.channel_id = c.id AND s.hour >= ${time(sinceMs - (sinceMs % HOUR_MS))} AND s.hour < ${time(untilMs)}`
    : sql`daily_stats s ON ${all([sql`s.channel_id = c.id`, ...days(range)])}`;
  return sum(session, sql`unnest(${ids(channelIds)}) AS c (id) JOIN ${from}`);
}

/** Of users, in all channels where none are named. Index: user_days_by_user. */
export async function countOfUsers(
  session: Session,
  userIds: readonly number[],
  channelIds: readonly number[] | undefined,
  range: TimeRange,
): Promise<number> {
  const conditions = [sql`s.user_id = ANY (${ids(userIds)})`, ...days(range)];
  if (channelIds) conditions.push(sql`s.channel_id = ANY (${ids(channelIds)})`);
  return sum(session, sql`user_days s WHERE ${all(conditions)}`);
}

function days({ sinceMs, untilMs }: TimeRange): Condition[] {
  const conditions: Condition[] = [];
  if (sinceMs !== undefined) conditions.push(sql`s.day >= ${day(sinceMs)}`);
  if (untilMs !== undefined) conditions.push(sql`s.day <= ${day(untilMs - 1)}`);
  return conditions;
}

async function sum(session: Session, from: Condition): Promise<number> {
  const { rows } = await sql<{ messages: number }>`
    SELECT coalesce(sum(s.messages), 0)::int8 AS messages FROM ${from}`.execute(session.sql);
  return rows[0]!.messages;
}
