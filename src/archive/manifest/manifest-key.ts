/**
 * Where manifests lie: `{year}/{month}/{day}/{platform}/_manifest-0001.json`, beside the channels of the day. Engines pass
 * over names with a leading underscore, and so does everything that looks for segments. A manifest never changes: another
 * generation takes its place.
 */
import type { SegmentName } from '../../segment-name.ts';

/** The objects of one platform and UTC day. */
export interface PlatformDay {
  /** The day's beginning, ms since the epoch. */
  dayMs: number;
  /** As in {@link SegmentName}: encoded. */
  platform: string;
}

const DAY_MS = 86_400_000;
const KEY = /^(\d{4})\/(\d\d)\/(\d\d)\/([a-z0-9.%A-F-]+)\/_manifest-(\d{4,9})\.json$/;

/** `2026-11-21` */
export function dayText(dayMs: number): string {
  return new Date(dayMs).toISOString().slice(0, 10);
}

export function platformDayOf({ platform, startMs }: Pick<SegmentName, 'platform' | 'startMs'>): PlatformDay {
  return { platform, dayMs: Math.floor(startMs / DAY_MS) * DAY_MS };
}

/** What the keys of the day's objects begin with: `2026/11/21/twitch/`. */
export function dayPrefix({ dayMs, platform }: PlatformDay): string {
  return `${dayText(dayMs).replaceAll('-', '/')}/${platform.replaceAll('_', '%5F')}/`;
}

/** @param generation from 1 on; of several the highest one that can be read counts */
export function manifestKey(day: PlatformDay, generation: number): string {
  return `${dayPrefix(day)}_manifest-${String(generation).padStart(4, '0')}.json`;
}

/** Undefined where the key is no manifest's. */
export function parseManifestKey(key: string): (PlatformDay & { generation: number }) | undefined {
  const match = KEY.exec(key);
  if (!match) return undefined;
  const [, year, month, day, platform, digits] = match;
  const dayMs = Date.parse(`${year}-${month}-${day}T00:00:00.000Z`);
  const generation = Number(digits);
  const name = { dayMs, platform: platform!.replaceAll('%5F', '_') };
  if (Number.isNaN(dayMs) || generation === 0) return undefined;
  return manifestKey(name, generation) === key ? { ...name, generation } : undefined;
}
