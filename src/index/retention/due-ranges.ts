/** What retention says of each channel, and which of its UTC days are due to go: pure decisions. */
import { channelIdentity } from '../../config/channel-names.ts';
import { resolveChannels } from '../../config/resolve-channels.ts';
import type { Config } from '../../config/schema.ts';

export const DAY_MS = 86_400_000;

export type RetentionDays = number | 'forever';

export interface ChannelRetention {
  retentionDays: RetentionDays;
  objectRetentionDays: RetentionDays;
  /** Names of the pipelines that run over a day's rows before they go. */
  pipelines: readonly string[];
}

/** One UTC day of a channel: from `dayMs` to 24 hours later. */
export interface ChannelDay {
  channelId: number;
  /** Start of the day, ms since the epoch. */
  dayMs: number;
}

/** What the configuration says of any channel that the index may hold; `defaults` for those that it does not name. */
export function channelRetentions(config: Config): (platform: string, channel: string) => ChannelRetention {
  const named = new Map<string, ChannelRetention>();
  const keyOf = (platform: string, channel: string) => `${platform}\0${channelIdentity(platform, channel)}`;
  for (const [platform, channels] of resolveChannels(config)) {
    for (const { name, retentionDays, objectRetentionDays, pipelines } of channels)
      named.set(keyOf(platform, name), { retentionDays, objectRetentionDays, pipelines });
  }
  const { retention_days, object_retention_days, pipelines } = config.defaults;
  const others = { retentionDays: retention_days, objectRetentionDays: object_retention_days, pipelines };
  return (platform, channel) => named.get(keyOf(platform, channel)) ?? others;
}

/**
 * The start of the oldest UTC day that is kept whole or in part: every day before it is due. Undefined for `forever`.
 * A day is due when its last moment is older than the retention, so that a retention of 30 days keeps 30 to 31.
 */
export function retentionFloorMs(retentionDays: RetentionDays, nowMs: number): number | undefined {
  if (retentionDays === 'forever') return undefined;
  return startOfDay(nowMs - retentionDays * DAY_MS);
}

/** {@link retentionFloorMs} of each channel by its name in the lines, −∞ for `forever`; reckoned once for each. */
export function retentionFloors(
  config: Config,
  nowMs: number,
): (platform: string, channel: string) => number {
  const retentionOf = channelRetentions(config);
  const floors = new Map<string, number>();
  return (platform, channel) => {
    const name = `${platform}\0${channel}`;
    const known = floors.get(name);
    if (known !== undefined) return known;
    const { retentionDays } = retentionOf(platform, channel);
    const floor = retentionFloorMs(retentionDays, nowMs) ?? Number.NEGATIVE_INFINITY;
    floors.set(name, floor);
    return floor;
  };
}

/**
 * A floor later than this was made by a clock that ran ahead, and nobody heeds it. Floors never lie after the time at
 * which they are made, but the clocks of several machines may lie apart.
 */
export function latestHeededFloor(nowMs: number): Date {
  return new Date(nowMs + DAY_MS);
}

/** When a day becomes due, ms since the epoch: {@link retentionFloorMs} is then the day after it. */
export function dueSinceMs(dayMs: number, retentionDays: number): number {
  return dayMs + DAY_MS + retentionDays * DAY_MS;
}

export function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** `YYYY-MM-DD`, as the database's type `date`. */
export function dayText(dayMs: number): string {
  return new Date(dayMs).toISOString().slice(0, 10);
}

export function dayOfText(text: string): number {
  return Date.parse(`${text}T00:00:00Z`);
}
