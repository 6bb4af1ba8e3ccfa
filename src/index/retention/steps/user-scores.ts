import type { Session } from '../../database/database.ts';
import { typeNumber } from '../../event-numbers.ts';
import { DAY_MS } from '../due-ranges.ts';
import type { StepResult } from '../pipeline-state.ts';
import type { StepCall } from './step.ts';

/** Adds the day to each user's running score. Counted once, because the step's mark is set in the same transaction. */
export async function userScores(session: Session, call: StepCall<'user_scores'>): Promise<StepResult> {
  const { message, reply, deleted, timeout, ban } = call.step;
  const { rowCount } = await session.query(
    `INSERT INTO user_scores (pipeline, platform, user_id, score, days, updated_at)
     SELECT $4, $5, user_id, sum(score), 1, $3
     FROM (
       SELECT user_id, $6::float8 + CASE WHEN reply_key IS NULL THEN 0 ELSE $7::float8 END
                                  + CASE WHEN deleted_at IS NULL THEN 0 ELSE $8::float8 END AS score
       FROM messages
       WHERE channel_id = $1 AND ts >= $2 AND ts < $3 AND type = $11 AND user_id IS NOT NULL
       UNION ALL
       SELECT target_user_id, CASE WHEN type = $12 THEN $9::float8 ELSE $10::float8 END FROM mod_actions
       WHERE channel_id = $1 AND ts >= $2 AND ts < $3 AND target_user_id IS NOT NULL AND type IN ($12, $13)
     ) parts GROUP BY user_id
     ON CONFLICT (pipeline, user_id) DO UPDATE
     SET score = user_scores.score + excluded.score, days = user_scores.days + 1,
         updated_at = greatest(user_scores.updated_at, excluded.updated_at)`,
    [
      call.channelId,
      new Date(call.dayMs),
      new Date(call.dayMs + DAY_MS),
      call.pipeline,
      call.platform,
      message,
      reply,
      deleted,
      timeout,
      ban,
      typeNumber('message'),
      typeNumber('timeout'),
      typeNumber('ban'),
    ],
  );
  return { users: rowCount };
}
