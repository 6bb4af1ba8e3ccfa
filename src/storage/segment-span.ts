/**
 * Which stretch of time a segment holds lines of: the UTC hour of its first line or, where it is a *day object*, the UTC day.
 * The only place that knows; a day object is a segment like any other to everything else.
 *
 *     twitch_xqc_20261121_1300.jsonl.zst      an hour, as it was recorded
 *     twitch_xqc_20261121_0000-day.jsonl.zst  the day, made of its hours by `chatlog compact`; sorted, each line once
 *     twitch_xqc_20261121_0000-day-2.jsonl.zst  made again, of `-day` and what came late
 */
import type { SegmentName } from '../segment-name.ts';

/** Half-open, ms since the epoch. */
export interface TimeSpan {
  fromMs: number;
  toMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DAY_SUFFIX = /^-day(?:-([2-9]|[1-9]\d{1,8}))?$/;

/** Whether the lines of the segment stand in order of time and can be of any hour of its day. */
export function isDayObject(name: Pick<SegmentName, 'startMs' | 'suffix'>): boolean {
  return dayGeneration(name) !== undefined;
}

/** 1 for `-day`, 2 for `-day-2`; undefined where it is no day object. */
export function dayGeneration({
  startMs,
  suffix,
}: Pick<SegmentName, 'startMs' | 'suffix'>): number | undefined {
  const match = DAY_SUFFIX.exec(suffix);
  return match && startMs % DAY_MS === 0 ? Number(match[1] ?? 1) : undefined;
}

/** What {@link dayGeneration} reads. */
export function daySuffix(generation: number): string {
  return generation === 1 ? '-day' : `-day-${generation}`;
}

/** When the lines of a segment can have happened. */
export function segmentSpan(name: Pick<SegmentName, 'startMs' | 'suffix'>): TimeSpan {
  return spanAround(name.startMs, isDayObject(name) ? DAY_MS : HOUR_MS);
}

/** The UTC day that a segment is of. */
export function daySpan({ startMs }: Pick<SegmentName, 'startMs'>): TimeSpan {
  return spanAround(startMs, DAY_MS);
}

function spanAround(ms: number, lengthMs: number): TimeSpan {
  const fromMs = Math.floor(ms / lengthMs) * lengthMs;
  return { fromMs, toMs: fromMs + lengthMs };
}
