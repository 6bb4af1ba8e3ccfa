/**
 * Which sources a day's segments are, and what of it has to be merged beforehand: so many sources at a time are open, and so
 * much of an hour is in memory, however many channels there are. What is too much is merged in groups into a temporary file.
 */
import { decodeName } from '../../segment-name.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject, segmentSpan } from '../../storage/segment-span.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import type { Scanner } from '../scan/scanner.ts';
import { type Run, SpillFile } from '../scan/spill-file.ts';
import type { LineSource, PlannedSource } from './line-source.ts';
import { type MergeCount, mergeSources } from './merge-sources.ts';
import { readAhead } from './read-ahead.ts';

/** What may be in memory at a time, of lines, in bytes; what threads hold of it included. */
export interface MergeLimits {
  /** Of day objects that are read side by side. */
  streamBytes: number;
  /** Of the hour that is written. */
  hourBytes: number;
  /** Fetched and cut before it is needed. */
  aheadBytes: number;
}

const MIB = 1024 * 1024;
export const MERGE_LIMITS: MergeLimits = {
  streamBytes: 96 * MIB,
  hourBytes: 48 * MIB,
  aheadBytes: 64 * MIB,
};

/** Of one day object: what is decompressed and on its way. */
const STREAM_BYTES = 6 * MIB;
/** What a thread holds of one channel's hour at most (`scan-task.ts`), with what is on its way. */
const SOURCE_BYTES_MAX = 40 * MIB;
const SOURCE_BYTES_MIN = 256 * 1024;

/** @param segments of one UTC day; the result is in the order of `fromMs` */
export function planSources(
  segments: readonly StoredSegment[],
  scanner: Scanner,
  limits: MergeLimits,
): PlannedSource[] {
  const count = scanner.findings;
  const days: PlannedSource[] = [];
  const hours = new Map<number, PlannedSource[]>();
  for (const group of Map.groupBy(segments, sourceName).values()) {
    const { fromMs } = segmentSpan(group[0]!);
    const platform = decodeName(group[0]!.platform) ?? group[0]!.platform;
    const source = { platform, fromMs, open: () => scanner.open(group) };
    if (isDayObject(group[0]!)) days.push({ ...source, heldBytes: STREAM_BYTES });
    else {
      const others = hours.get(fromMs) ?? [];
      hours.set(fromMs, others);
      others.push({ ...source, heldBytes: estimatedBytes(group) });
    }
  }
  return [
    ...limited(days, limits.streamBytes, count),
    ...[...hours.values()].flatMap((sources) => limited(sources, limits.hourBytes, count)),
  ].sort((a, b) => a.fromMs - b.fromMs);
}

/** Each day object is a source of its own; of a channel's hour all segments are one. */
function sourceName(segment: StoredSegment): string {
  const { platform, channel, suffix } = segment;
  return `${segmentSpan(segment).fromMs} ${platform} ${channel}${isDayObject(segment) ? ` ${suffix}` : ''}`;
}

/** As they are where they fit together; else merged beforehand in groups that do. */
function limited(sources: PlannedSource[], heldMax: number, count: MergeCount): PlannedSource[] {
  if (sources.length < 2 || heldBytesOf(sources) <= heldMax) return sources;
  const groups: PlannedSource[][] = [];
  for (const ofPlatform of Map.groupBy(sources, ({ platform }) => platform).values()) {
    let group: PlannedSource[] = [];
    for (const source of ofPlatform) {
      if (group.length > 0 && heldBytesOf([...group, source]) > heldMax) {
        groups.push(group);
        group = [];
      }
      group.push(source);
    }
    groups.push(group);
  }
  if (groups.every(({ length }) => length === 1)) return sources;
  const merged = groups.map((group): PlannedSource => {
    const { platform, fromMs } = group[0]!;
    return {
      platform,
      fromMs,
      heldBytes: SOURCE_BYTES_MIN,
      open: () => spilledSource(group, heldMax, count),
    };
  });
  return limited(merged, heldMax, count);
}

function heldBytesOf(sources: readonly PlannedSource[]): number {
  return sources.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
}

/** Merged into a file when its first line is asked for. */
function spilledSource(group: readonly PlannedSource[], heldMax: number, count: MergeCount): LineSource {
  let file: SpillFile | undefined;
  let isClosed = false;
  const spill = async () => {
    const made = new SpillFile();
    file = made;
    const run: Run[number][] = [];
    for await (const batch of mergeSources(readAhead(group, heldMax), count)) {
      if (isClosed) break;
      run.push(...made.write([batch]));
    }
    return isClosed ? undefined : made.read(run);
  };
  let lines: Promise<Iterator<LineBatch, undefined> | undefined> | undefined;
  return {
    next: async () => {
      lines ??= spill();
      return isClosed ? undefined : (await lines)?.next().value;
    },
    close: () => {
      isClosed = true;
      void lines?.catch(() => {}).finally(() => file?.[Symbol.dispose]());
    },
  };
}

function estimatedBytes(segments: readonly StoredSegment[]): number {
  const bytes = segments.reduce((sum, segment) => sum + segment.bytes * ratio(segment.key), 0);
  return Math.min(SOURCE_BYTES_MAX, Math.max(SOURCE_BYTES_MIN, bytes));
}

/** Chat compresses to about a tenth. */
function ratio(key: string): number {
  return key.endsWith('.zst') ? 11 : key.endsWith('.gz') ? 9 : 1;
}
