/** On which days there is anything in a log. */
import type { Session } from '../database/database.ts';
import { typeNumber } from '../event-numbers.ts';

/**
 * UTC days with lines, the newest first, as `YYYY-MM-DD`: all that the index ever counted, which stay when retention takes
 * its rows. Index: daily_stats_pkey; of a day without any message messages_by_channel, too.
 */
export async function daysOfChannel(session: Session, channelIds: readonly number[]): Promise<string[]> {
  const { rows } = await session.query(
    `SELECT DISTINCT d.day::text AS day FROM daily_stats d
     WHERE d.channel_id = ANY ($1::int[]) AND (d.messages + d.mod_actions > 0 OR (d.others > 0 AND EXISTS (
       SELECT 1 FROM messages m WHERE m.channel_id = d.channel_id AND m.type = $2
         AND m.ts >= d.day::timestamp AT TIME ZONE 'UTC' AND m.ts < (d.day + 1)::timestamp AT TIME ZONE 'UTC')))
     ORDER BY day DESC`,
    [channelIds, typeNumber('notice')],
  );
  return rows.map(({ day }) => day as string);
}

/**
 * UTC months in which the user wrote anything or was moderated, the newest first, as `YYYY-MM`. Index: user_days_by_user,
 * mod_actions_by_target.
 */
export async function monthsOfUser(
  session: Session,
  userId: number,
  channelIds: readonly number[],
): Promise<string[]> {
  const { rows } = await session.query(
    `SELECT to_char(day, 'YYYY-MM') AS month FROM user_days
     WHERE user_id = $1 AND channel_id = ANY ($2::int[])
     UNION
     SELECT to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM') FROM mod_actions
     WHERE target_user_id = $1 AND channel_id = ANY ($2::int[])
     ORDER BY month DESC`,
    [userId, channelIds],
  );
  return rows.map(({ month }) => month as string);
}
