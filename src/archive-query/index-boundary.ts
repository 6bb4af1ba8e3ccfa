/** From when on the index holds all of a channel's lines. What is older the archive answers. */
import type { Config } from '../config/schema.ts';
import type { Session } from '../index/database/database.ts';
import { channelRetentions, retentionFloorMs } from '../index/retention/due-ranges.ts';

/**
 * Ms since the epoch; the latest of several channels'. What retention took is gone, and what it will take tonight may never
 * have been loaded.
 */
export async function indexBoundaryMs(
  session: Session,
  channel: { platform: string; names: readonly string[]; ids: readonly number[] },
  config: Config,
  nowMs: number,
): Promise<number> {
  const { rows } = await session.query(
    'SELECT max(floor_ts) AS floor FROM retention_floors WHERE channel_id = ANY ($1::int[])',
    [channel.ids],
  );
  const floor = rows[0]?.floor as Date | null | undefined;
  const retentionOf = channelRetentions(config);
  const configured = channel.names.map(
    (name) => retentionFloorMs(retentionOf(channel.platform, name).retentionDays, nowMs) ?? 0,
  );
  return Math.max(floor?.getTime() ?? 0, ...configured);
}
