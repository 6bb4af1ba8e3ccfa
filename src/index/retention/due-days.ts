/** What of the index is due to go, as the database has it now. */
import type { Config } from '../../config/schema.ts';
import { channelPath } from '../../segment-name.ts';
import type { Database, Session } from '../database/database.ts';
import { plainText } from '../database-text.ts';
import { underLoadLock } from '../load-lock.ts';
import { type ChannelRetention, channelRetentions, retentionFloorMs } from './due-ranges.ts';

export interface IndexedChannel extends ChannelRetention {
  id: number;
  /** As in the lines. */
  platform: string;
  name: string;
  /** As in keys and names of segments: `twitch/xqc`. */
  path: string;
  /** Everything before it is due; undefined for `forever`. */
  floorMs: number | undefined;
}

/** A UTC day that is due and of which something is in the index. */
export interface DueDay {
  channel: IndexedChannel;
  dayMs: number;
  /** False where only moderation is left of it, such as an admin's. */
  hasMessages: boolean;
}

/** Every channel of the index with what the configuration says of it now. */
export async function indexedChannels(
  session: Session,
  config: Config,
  nowMs: number,
): Promise<IndexedChannel[]> {
  const retentionOf = channelRetentions(config);
  const rows = await session.sql
    .selectFrom('channels')
    .select(['id', 'platform', 'name'])
    .orderBy('id')
    .execute();
  return rows.map(({ id, ...row }) => {
    const [platform, name] = [plainText(row.platform), plainText(row.name)];
    const retention = retentionOf(platform, name);
    const floorMs = retentionFloorMs(retention.retentionDays, nowMs);
    return { ...retention, id, platform, name, path: channelPath(platform, name), floorMs };
  });
}

/**
 * From now on the loader takes nothing below the channels' floors: what a pipeline sees of a day is all that there will
 * be. A floor never goes down.
 */
export async function raiseFloors(database: Database, channels: readonly IndexedChannel[]): Promise<void> {
  const finite = channels.filter(({ floorMs }) => floorMs !== undefined);
  if (finite.length === 0) return;
  await underLoadLock(database, {}, async (session) => {
    await session.query(
      `INSERT INTO retention_floors (channel_id, floor_ts)
       SELECT * FROM unnest($1::int[], $2::timestamptz[])
       ON CONFLICT (channel_id) DO UPDATE SET floor_ts = excluded.floor_ts
       WHERE retention_floors.floor_ts < excluded.floor_ts`,
      [finite.map(({ id }) => id), finite.map(({ floorMs }) => new Date(floorMs!).toISOString())],
    );
  });
}

/** The days of a channel that are due, the oldest first. Goes from day to day by the index, not through the rows. */
export async function findDueDays(database: Database, channel: IndexedChannel): Promise<DueDay[]> {
  if (channel.floorMs === undefined) return [];
  const before = [channel.id, new Date(channel.floorMs)];
  return database.transaction(async (session) => {
    const messages = await session.query(
      `WITH RECURSIVE days AS (
         (SELECT date_trunc('day', ts, 'UTC') AS day FROM messages
          WHERE channel_id = $1 AND ts < $2 ORDER BY ts LIMIT 1)
         UNION ALL
         SELECT (SELECT date_trunc('day', ts, 'UTC') FROM messages
                 WHERE channel_id = $1 AND ts >= days.day + interval '24 hours' AND ts < $2 ORDER BY ts LIMIT 1)
         FROM days WHERE days.day IS NOT NULL
       ) SELECT day FROM days WHERE day IS NOT NULL`,
      before,
    );
    const moderation = await session.query(
      "SELECT DISTINCT date_trunc('day', ts, 'UTC') AS day FROM mod_actions WHERE channel_id = $1 AND ts < $2",
      before,
    );
    const withMessages = new Set(messages.rows.map(({ day }) => (day as Date).getTime()));
    const all = new Set([...withMessages, ...moderation.rows.map(({ day }) => (day as Date).getTime())]);
    return [...all]
      .sort((a, b) => a - b)
      .map((dayMs) => ({ channel, dayMs, hasMessages: withMessages.has(dayMs) }));
  });
}
