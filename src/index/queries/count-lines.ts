/** How many messages channels or users have, from the statistics: what was removed counts, as do hours and days that a range only touches. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, type Condition, day, ids, type TimeRange, time } from './page.ts';

const HOUR_MS = 3_600_000;
const HOURLY_MAX_MS = 31 * 24 * HOUR_MS;
const USER_DAYS_MAX = 500;

/** Of channels, of all where none are named. Indexes: hourly_stats' for ranges of up to a month, daily_stats' for longer ones. */
export async function countOfChannels(
  session: Session,
  channelIds: readonly number[] | undefined,
  range: TimeRange,
): Promise<number> {
  const { sinceMs, untilMs } = range;
  const isShort = sinceMs !== undefined && untilMs !== undefined && untilMs - sinceMs <= HOURLY_MAX_MS;
  const [table, conditions] = isShort
    ? [
        sql`hourly_stats`,
        [sql`s.hour >= ${time(sinceMs - (sinceMs % HOUR_MS))}`, sql`s.hour < ${time(untilMs)}`],
      ]
    : [sql`daily_stats`, days(range)];
  const from = channelIds
    ? sql`unnest(${ids(channelIds)}) AS c (id) JOIN ${table} s ON ${all([sql`s.channel_id = c.id`, ...conditions])}`
    : sql`${table} s WHERE ${all(conditions)}`;
  const { rows } = await sql<{ messages: number }>`
    SELECT coalesce(sum(s.messages), 0)::int8 AS messages FROM ${from}`.execute(session.sql);
  return rows[0]!.messages;
}

/**
 * Of users, in all channels where none are named; undefined where they were there on so many days and in so many channels
 * that adding them up would take longer than their page. Index: user_days_by_user.
 */
export async function countOfUsers(
  session: Session,
  userIds: readonly number[],
  channelIds: readonly number[] | undefined,
  range: TimeRange,
): Promise<number | undefined> {
  const conditions = [sql`s.user_id = ANY (${ids(userIds)})`, ...days(range)];
  if (channelIds) conditions.push(sql`s.channel_id = ANY (${ids(channelIds)})`);
  const { rows } = await sql<{ messages: number; days: number }>`
    SELECT coalesce(sum(s.messages), 0)::int8 AS messages, count(*) AS days
    FROM (SELECT s.messages FROM user_days s WHERE ${all(conditions)} LIMIT ${USER_DAYS_MAX + 1}) s`.execute(
    session.sql,
  );
  const { messages, days: added } = rows[0]!;
  return added > USER_DAYS_MAX ? undefined : messages;
}

function days({ sinceMs, untilMs }: TimeRange): Condition[] {
  const conditions: Condition[] = [];
  if (sinceMs !== undefined) conditions.push(sql`s.day >= ${day(sinceMs)}`);
  if (untilMs !== undefined) conditions.push(sql`s.day <= ${day(untilMs - 1)}`);
  return conditions;
}
