/**
 * Where Parquet lies: `parquet/dt=2026-11-21/platform=twitch/xqc.parquet`, Hive style, so that engines make columns of the
 * directories and pass over those they need not read. Platform and channel are encoded as in all keys.
 */
import type { SegmentName } from '../../segment-name.ts';
import { dayText } from '../manifest/manifest-key.ts';
import type { ChannelDay } from './compact-tools.ts';

export const PARQUET_PREFIX = 'parquet/';

const KEY = /^parquet\/dt=(\d{4}-\d\d-\d\d)\/platform=([a-z0-9._%A-F-]+)\/([a-z0-9._%A-F-]+)\.parquet$/;

export function parquetKey({ platform, channel, startMs }: ChannelDay): string {
  return `${PARQUET_PREFIX}dt=${dayText(startMs)}/platform=${platform}/${channel}.parquet`;
}

/** Undefined where the key is none that {@link parquetKey} makes. */
export function parseParquetKey(
  key: string,
): Pick<SegmentName, 'platform' | 'channel' | 'startMs'> | undefined {
  const match = KEY.exec(key);
  if (!match) return undefined;
  const startMs = Date.parse(`${match[1]}T00:00:00.000Z`);
  return Number.isNaN(startMs) ? undefined : { platform: match[2]!, channel: match[3]!, startMs };
}
