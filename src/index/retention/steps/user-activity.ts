import type { Session } from '../../database/database.ts';
import { typeNumber } from '../../event-numbers.ts';
import { DAY_MS, dayText } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import type { StepCall } from './step.ts';

/**
 * One row for each user who wrote, was there or was moderated that day. Days active are the rows that a user has;
 * `docs/retention.md` has the query.
 */
export async function userActivity(session: Session, call: StepCall): Promise<StepResult> {
  const { rowCount } = await session.query(
    `INSERT INTO kept_user_activity
       (pipeline, channel_id, day, user_id, login, messages, avg_length, sessions, mod_actions)
     SELECT $4, $1, $5::date, a.user_id, coalesce(n.login, ''), a.messages, a.chars / greatest(a.messages, 1), a.sessions, a.mod_actions
     FROM (
       SELECT user_id, sum(messages)::int AS messages, sum(chars)::float8 AS chars,
              sum(sessions)::int AS sessions, sum(mod_actions)::int AS mod_actions
       FROM (
         SELECT user_id, count(*) AS messages, sum(char_length(text)) AS chars, 0 AS sessions, 0 AS mod_actions
         FROM messages
         WHERE channel_id = $1 AND ts >= $2 AND ts < $3 AND type = $6 AND user_id IS NOT NULL GROUP BY user_id
         UNION ALL
         SELECT user_id, 0, 0, count(*), 0 FROM sessions
         WHERE channel_id = $1 AND joined_at >= $2 AND joined_at < $3 GROUP BY user_id
         UNION ALL
         SELECT target_user_id, 0, 0, 0, count(*) FROM mod_actions
         WHERE channel_id = $1 AND ts >= $2 AND ts < $3 AND target_user_id IS NOT NULL AND type = ANY($7::int[])
         GROUP BY target_user_id
       ) parts GROUP BY user_id
     ) a LEFT JOIN users u ON u.id = a.user_id LEFT JOIN user_names n ON n.id = u.name_id
     ON CONFLICT DO NOTHING`,
    [
      call.channelId,
      new Date(call.dayMs),
      new Date(call.dayMs + DAY_MS),
      call.pipeline,
      dayText(call.dayMs),
      typeNumber('message'),
      [typeNumber('delete'), typeNumber('ban'), typeNumber('timeout')],
    ],
  );
  return { users: rowCount };
}
