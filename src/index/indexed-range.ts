/** Which segments are worth looking at: those of channels and times that the index is to hold. */
import { resolveChannels } from '../config/resolve-channels.ts';
import type { Config } from '../config/schema.ts';
import { decodeName, encodeName, type SegmentName } from '../segment-name.ts';
import type { SegmentRange } from '../storage/read-segment.ts';
import { segmentSpan } from '../storage/segment-span.ts';
import { type RetentionDays, retentionFloorMs, retentionFloors } from './retention/due-ranges.ts';

export interface IndexedRange extends SegmentRange {
  /** Of the segments of these days, only these. */
  wants(segment: SegmentName): boolean;
}

/** What was asked for, as far as each channel's retention reaches. */
export function indexedRange(config: Config, nowMs: number, asked: SegmentRange = {}): IndexedRange {
  const floorOf = retentionFloors(config, nowMs);
  // A name that was cut is none that the configuration could hold.
  const floorOfSegment = ({ platform, channel }: SegmentName) =>
    floorOf(decodeName(platform) ?? '', decodeName(channel) ?? '');
  const floorMs = (days: RetentionDays) => retentionFloorMs(days, nowMs) ?? Number.NEGATIVE_INFINITY;
  const configured = [...resolveChannels(config).values()].flat().map(({ retentionDays }) => retentionDays);
  const widestMs = Math.min(...[config.defaults.retention_days, ...configured].map(floorMs));
  const fromMs = Math.max(widestMs, asked.fromMs ?? Number.NEGATIVE_INFINITY);
  return {
    ...asked,
    ...(Number.isFinite(fromMs) && { fromMs }),
    wants: (segment) => segmentSpan(segment).toMs > floorOfSegment(segment) && isIn(asked, segment),
  };
}

function isIn({ platform, channel, fromMs, toMs }: SegmentRange, segment: SegmentName): boolean {
  if (platform !== undefined && encodeName(platform) !== segment.platform) return false;
  if (channel !== undefined && encodeName(channel) !== segment.channel) return false;
  const span = segmentSpan(segment);
  if (fromMs !== undefined && span.toMs <= fromMs) return false;
  return toMs === undefined || span.fromMs <= toMs;
}
