/** In which channels users did anything: the leading columns of messages_by_user, hopped from value to value. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, ids, type TimeRange, wholeMonths, within } from './page.ts';

/** Pairs of the same index in both lists. */
export interface UserChannels {
  userIds: number[];
  channelIds: number[];
}

/** Of the months that the range touches. */
export async function channelsOfUsers(
  session: Session,
  userIds: readonly number[],
  range: TimeRange,
): Promise<UserChannels> {
  const place = within(wholeMonths(range), undefined, 'newest', 'm');
  const { rows } = await sql<{ user_id: number; channel_id: number }>`
    WITH RECURSIVE pairs AS (
      SELECT u.user_id, (
        SELECT m.channel_id FROM messages m WHERE ${all([sql`m.user_id = u.user_id`, ...place])}
        ORDER BY m.channel_id LIMIT 1) AS channel_id
      FROM unnest(${ids(userIds)}) AS u (user_id)
      UNION ALL
      SELECT p.user_id, (
        SELECT m.channel_id FROM messages m
        WHERE ${all([sql`m.user_id = p.user_id AND m.channel_id > p.channel_id`, ...place])}
        ORDER BY m.channel_id LIMIT 1)
      FROM pairs p WHERE p.channel_id IS NOT NULL
    )
    SELECT user_id, channel_id FROM pairs WHERE channel_id IS NOT NULL`.execute(session.sql);
  return { userIds: rows.map((row) => row.user_id), channelIds: rows.map((row) => row.channel_id) };
}
