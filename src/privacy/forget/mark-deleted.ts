/**
 * Messages that were marked as deleted by a decision: each decision is a moderation action in the index. An index that was
 * emptied, or is another one, says so by `decisions.applied_at`.
 */
import type { Database, Session } from '../../index/database/database.ts';
import { databaseText } from '../../index/database-text.ts';
import { typeNumber } from '../../index/event-numbers.ts';
import { underLoadLock } from '../../index/load-lock.ts';
import { messageKey } from '../../index/message-key.ts';
import { type Decision, parseDecision } from '../decision.ts';
import { eachPlainText } from '../decision-places.ts';

/** Marks what the index has not marked yet; how many messages. */
export async function applyDeletions(database: Database, signal?: AbortSignal): Promise<number> {
  const waiting = await database.transaction((session) => findWaiting(session), {
    ...(signal && { signal }),
  });
  for (const decision of waiting) {
    await underLoadLock(database, { signal }, async (session) => {
      await markDeleted(session, decision);
      await session.query('UPDATE decisions SET applied_at = now() WHERE id = $1', [decision.id]);
    });
  }
  return waiting.length;
}

type Deletion = Extract<Decision, { kind: 'delete_message' }>;

async function findWaiting(session: Session): Promise<Deletion[]> {
  const { rows } = await session.query(
    "SELECT content::text AS text FROM decisions WHERE kind = 'delete_message' AND applied_at IS NULL ORDER BY id LIMIT 1000",
  );
  return rows.flatMap(({ text }) => {
    const decision = parseDecision(eachPlainText(String(text)));
    return decision?.kind === 'delete_message' ? [decision] : [];
  });
}

/** The channel is made where the index has not met it: a rebuild brings it. */
async function markDeleted(
  session: Session,
  { id, platform, timestamp, by, message }: Deletion,
): Promise<void> {
  const key = messageKey(platform, `chatlog ${id}`);
  const channel = [databaseText(platform), databaseText(message.channel)];
  await session.query(
    'INSERT INTO channels (platform, name) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    channel,
  );
  await session.query(
    `INSERT INTO mod_actions (ts, key, channel_id, type, moderator, target_key, target_user_id)
     SELECT $3::timestamptz, $4::uuid, c.id, $5, $6, $7::uuid,
       (SELECT m.user_id FROM messages m WHERE m.key = $7::uuid AND m.user_id IS NOT NULL ORDER BY m.ts LIMIT 1)
     FROM channels c WHERE c.platform = $1 AND c.name = $2 ON CONFLICT DO NOTHING`,
    [...channel, timestamp, key, typeNumber('delete'), databaseText(by), message.key],
  );
  await session.query(
    `UPDATE messages SET deleted_at = $1::timestamptz, deleted_by = $2::uuid
     WHERE key = $3::uuid AND (deleted_at IS NULL OR ($1::timestamptz, $2::uuid) < (deleted_at, deleted_by))`,
    [timestamp, key, message.key],
  );
}
