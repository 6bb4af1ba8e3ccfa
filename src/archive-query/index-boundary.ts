/** From when on the index answers for a channel. What is older the archive answers. */
import type { Config } from '../config/schema.ts';
import type { Session } from '../index/database/database.ts';
import { channelRetentions, latestHeededFloor, retentionFloorMs } from '../index/retention/due-ranges.ts';

interface IndexedChannel {
  platform: string;
  names: readonly string[];
  ids: readonly number[];
}

/**
 * Ms since the epoch; the latest of several names'. Retention takes whole days, the oldest first; what it will take tonight
 * was perhaps never loaded: then the index begins with its oldest row.
 */
export async function indexBoundaryMs(
  session: Session,
  channel: IndexedChannel,
  config: Config,
  nowMs: number,
): Promise<number> {
  const { rows } = await session.query(
    `SELECT max(f.floor_ts) AS floor, min(oldest.ts) AS oldest FROM unnest($1::int[]) AS c (id)
     LEFT JOIN retention_floors f ON f.channel_id = c.id AND f.floor_ts <= $2
     LEFT JOIN LATERAL (
       SELECT m.ts FROM messages m
       WHERE (m.channel_id, m.ts) >= (c.id, '-infinity'::timestamptz) AND (m.channel_id, m.ts) < (c.id, 'infinity'::timestamptz)
       ORDER BY m.channel_id, m.ts LIMIT 1) oldest ON true`,
    [channel.ids, latestHeededFloor(nowMs)],
  );
  const { floor, oldest } = rows[0] as { floor: Date | null; oldest: Date | null };
  const kept = Math.min(keptSinceMs(channel, config, nowMs), oldest?.getTime() ?? Number.POSITIVE_INFINITY);
  return Math.max(kept, floor?.getTime() ?? 0);
}

/** By the configuration. */
function keptSinceMs({ platform, names }: IndexedChannel, config: Config, nowMs: number): number {
  const retentionOf = channelRetentions(config);
  const floors = names.map((name) => retentionFloorMs(retentionOf(platform, name).retentionDays, nowMs) ?? 0);
  return Math.max(0, ...floors);
}
