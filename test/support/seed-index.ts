/**
 * Fills an index with rows made by the database itself: months of chat in seconds, for tests of plans. They are as uneven
 * as chat is (few channels and users write most) and the same each time. Not what the loader writes: no lines are behind them.
 */
import type { Database } from '../../src/index/database/database.ts';
import { createPartitions } from '../../src/index/partitions.ts';

export interface SeededIndex {
  rows: number;
  channels: number;
  users: number;
  /** First of a month, ms since the epoch. */
  startMs: number;
  months: number;
}

/** Rare enough that a planner has never seen it: in one message of every ten thousand. */
export const RARE_WORD = 'xylophone';
/** In one message of a hundred. */
export const SOME_WORD = 'speedrun';
/** In every third message. */
export const COMMON_WORD = 'lol';

export async function seedIndex(
  database: Database,
  { rows, channels, users, startMs, months }: SeededIndex,
): Promise<void> {
  const month = (index: number) => {
    const start = new Date(startMs);
    return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + index);
  };
  // As in real life, some months to come are there and empty.
  const names = Array.from({ length: months + 3 }, (_, index) =>
    new Date(month(index)).toISOString().slice(0, 7),
  );
  await createPartitions(database, names, 5_000);
  const start = new Date(startMs).toISOString();
  const templates = users * 5;
  const stepMs = (month(months) - startMs) / rows;
  await database.session(async (session) => {
    await session.exec(`
      INSERT INTO channels (platform, name, platform_id) SELECT 'twitch', 'channel_' || n, n FROM generate_series(1, ${channels}) n;
      INSERT INTO users (platform, user_key, name_id) SELECT 'twitch', n, n FROM generate_series(1, ${users}) n;
      INSERT INTO user_names (user_id, login, display_name)
        SELECT n, 'user_' || md5(n::text), 'User' FROM generate_series(1, ${users}) n;
      INSERT INTO templates (hash, content)
        SELECT md5(n::text)::uuid, ('{"timestamp":0,"channel":0,"username":0,"user_id":0,"message":0,"platform":0,"badges":["'
          || CASE WHEN n % 100 = 0 THEN 'vip/1' ELSE 'subscriber/' || n % 50 END || '"],"tags":{"color":null,"n":"' || n || '"}}')::json
        FROM generate_series(1, ${templates}) n;
      INSERT INTO messages (ts, key, channel_id, user_id, name_id, template_id, received_ms, type, flags, text, rest, reply_key,
          command, command_status, media, status, deleted_at, deleted_by)
        SELECT '${start}'::timestamptz + n * ${stepMs}::float8 * interval '1 ms',
          md5('m' || n)::uuid,
          1 + floor(${channels} * power(c, 3))::int,
          1 + floor(${users} * power(u, 3))::int, 1 + floor(${users} * power(u, 3))::int,
          1 + floor(${templates} * power(u, 3))::int,
          50, CASE WHEN n % 200 = 0 THEN 8 WHEN n % 5 = 1 THEN 9 ELSE 0 END, CASE WHEN n % 5000 = 0 THEN 1 ELSE 0 END,
          'word' || n % 977 || CASE WHEN n % 3 = 0 THEN ' ${COMMON_WORD}' ELSE '' END || ' some thing ' || n % 2311
            || CASE WHEN n % 100 = 50 THEN ' ${SOME_WORD}' ELSE '' END || CASE WHEN n % 10000 = 7 THEN ' ${RARE_WORD}' ELSE '' END,
          '["#FF0000"]', CASE WHEN n % 25 = 3 THEN md5('m' || n - 20)::uuid END,
          CASE WHEN n % 20 = 4 THEN 'points' WHEN n % 3000 = 9 THEN 'rare' END, CASE WHEN n % 4000 = 9 THEN 'failed' END,
          CASE WHEN n % 300 = 11 THEN '[{"url":"https://example.com/a.png"}]'::jsonb END, NULL,
          CASE WHEN n % 90 = 8 THEN '${start}'::timestamptz + (n + 1) * ${stepMs}::float8 * interval '1 ms' END,
          CASE WHEN n % 90 = 8 THEN md5('a' || n)::uuid END
        FROM (SELECT n, (hashint4(n) & 1048575) / 1048576.0 AS c, (hashint4(-n) & 1048575) / 1048576.0 AS u
          FROM generate_series(0, ${rows - 1}) n) r;
      INSERT INTO mod_actions (ts, key, channel_id, type, target_user_id, target_login, moderator, duration_seconds)
        SELECT deleted_at, deleted_by, channel_id, 3 + channel_id % 2, user_id, 'user', 'mod_' || user_id % 30, 600
        FROM messages WHERE deleted_by IS NOT NULL;
      INSERT INTO message_edits SELECT key, ts, md5('e' || key)::uuid, channel_id, 'edited' FROM messages WHERE command IS NOT NULL;
      INSERT INTO message_status SELECT key, ts, md5('s' || key)::uuid, channel_id, 'read' FROM messages WHERE command IS NOT NULL;
      INSERT INTO hourly_stats SELECT channel_id, date_trunc('hour', ts AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', count(*), 0, 0, sum(length(text))
        FROM messages GROUP BY 1, 2;
      INSERT INTO user_days SELECT channel_id, (ts AT TIME ZONE 'UTC')::date, user_id, min(name_id), count(*), sum(length(text)), min(ts), max(ts)
        FROM messages GROUP BY 1, 2, 3;
      INSERT INTO daily_stats SELECT channel_id, day, sum(messages), 0, 0, sum(chars), count(*) FROM user_days GROUP BY 1, 2;
      INSERT INTO sessions SELECT channel_id, user_id, first_ts, last_ts, messages, false, false FROM user_days ON CONFLICT DO NOTHING;
      INSERT INTO gaps (channel_id, ts, until, reason, backfill, filled, key)
        SELECT channel_id, ts, ts + interval '1 minute', 'disconnected', 'complete', 3, key FROM messages WHERE deleted_by IS NOT NULL;
      INSERT INTO segments (source, name, platform, channel, start_ts, bytes, lines, inserted, complete, object_key, object_bytes)
        SELECT 'archive', 'twitch_channel_' || channel_id || '_' || to_char(hour, 'YYYYMMDD_HH24MI'), 'twitch', 'channel_' || channel_id,
          hour, 1000, 10, 10, true, 'key/' || channel_id || hour, 100 FROM hourly_stats;
      ANALYZE;`);
  });
}
