/** Empties the index of everything that the archive brings back. */
import type { Database } from './database/database.ts';
import { beginGeneration } from './index-generation.ts';
import { underLoadLock } from './load-lock.ts';
import { forgetIds } from './partitions.ts';
import { latestHeededFloor } from './retention/due-ranges.ts';

/** Derived from lines that are loaded again. */
const DERIVED = [
  'messages',
  'mod_actions',
  'message_edits',
  'message_status',
  'sessions',
  'sessions_stale',
  'gaps',
  'user_days',
  'segments',
  'templates',
];

/**
 * What stays: tokens, decisions, retention's floors and runs, what pipelines kept with the channels and users that it is
 * about, and the counts of days that retention has taken. One transaction: others see the index full or empty.
 */
export async function emptyIndex(database: Database, nowMs: number, signal?: AbortSignal): Promise<void> {
  const latest = latestHeededFloor(nowMs).toISOString();
  await underLoadLock(database, { signal }, async (session) => {
    await session.exec(`TRUNCATE ${DERIVED.join(', ')}`);
    await session.exec(`
        DELETE FROM hourly_stats s WHERE NOT EXISTS (
          SELECT FROM retention_floors f WHERE f.channel_id = s.channel_id AND f.floor_ts <= '${latest}' AND s.hour < f.floor_ts);
        DELETE FROM daily_stats s WHERE NOT EXISTS (
          SELECT FROM retention_floors f WHERE f.channel_id = s.channel_id AND f.floor_ts <= '${latest}' AND s.day < (f.floor_ts AT TIME ZONE 'UTC')::date);
        DELETE FROM users u WHERE NOT EXISTS (SELECT FROM kept_user_activity k WHERE k.user_id = u.id)
          AND NOT EXISTS (SELECT FROM kept_messages k WHERE k.user_id = u.id)
          AND NOT EXISTS (SELECT FROM user_scores k WHERE k.user_id = u.id);
        DELETE FROM channels c WHERE NOT EXISTS (SELECT FROM kept_user_activity k WHERE k.channel_id = c.id)
          AND NOT EXISTS (SELECT FROM kept_channel_summaries k WHERE k.channel_id = c.id)
          AND NOT EXISTS (SELECT FROM kept_messages k WHERE k.channel_id = c.id)
          AND NOT EXISTS (SELECT FROM pipeline_runs k WHERE k.channel_id = c.id)
          AND NOT EXISTS (SELECT FROM retention_floors k WHERE k.channel_id = c.id)
          AND NOT EXISTS (SELECT FROM hourly_stats k WHERE k.channel_id = c.id)
          AND NOT EXISTS (SELECT FROM daily_stats k WHERE k.channel_id = c.id);
        UPDATE decisions SET applied_at = NULL`);
    await forgetIds(session);
    await beginGeneration(session);
  });
}
