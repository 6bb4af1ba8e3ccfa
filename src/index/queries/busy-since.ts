/** Since when users wrote so many messages, going back: how far a page has to look. Index: user_days_by_user. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, type Condition, day, ids, type TimeRange } from './page.ts';

/** Beginning of a UTC day, ms; undefined where there are fewer messages in the range. */
export async function busySince(
  session: Session,
  { userIds, channelIds }: { userIds: readonly number[]; channelIds?: readonly number[] | undefined },
  { sinceMs, untilMs }: TimeRange,
  messages: number,
): Promise<number | undefined> {
  const conditions: Condition[] = [];
  if (sinceMs !== undefined) conditions.push(sql`d.day >= ${day(sinceMs)}`);
  if (untilMs !== undefined) conditions.push(sql`d.day <= ${day(untilMs - 1)}`);
  if (channelIds) conditions.push(sql`d.channel_id = ANY (${ids(channelIds)})`);
  // A single user's days come in order from the index, and no more are read than are needed.
  const [only] = userIds;
  conditions.push(userIds.length === 1 ? sql`d.user_id = ${only}` : sql`d.user_id = ANY (${ids(userIds)})`);
  const { rows } = await sql<{ day: string }>`
    SELECT day FROM (
      SELECT d.day, sum(sum(d.messages)) OVER (ORDER BY d.day DESC) AS messages
      FROM user_days d WHERE ${all(conditions)} GROUP BY d.day
    ) d WHERE d.messages >= ${messages} ORDER BY d.day DESC LIMIT 1`.execute(session.sql);
  return rows[0] && Date.parse(rows[0].day);
}
