/**
 * Which sources a day's segments are: stretches of hours that one thread merges, and day objects, of which so many at a time
 * are read side by side. More of them are merged in groups into a temporary file first.
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
  /** Of hours that one thread merges at a time; an hour alone may be larger. */
  stretchBytes: number;
  /** Fetched and cut before it is needed. */
  aheadBytes: number;
  /** Lines are handed on before more are waited for, however few they are. */
  isEager?: boolean;
}

const MIB = 1024 * 1024;
export const MERGE_LIMITS: MergeLimits = {
  streamBytes: 96 * MIB,
  stretchBytes: 16 * MIB,
  aheadBytes: 64 * MIB,
};

/** Of one stretch, unless it is an hour alone: nothing of it is written before all of them have come. */
const STRETCH_OBJECTS_MAX = 64;
/** Of one day object: what is decompressed and on its way. */
const STREAM_BYTES = 6 * MIB;
/** What a thread holds of its hours at most (`scan-task.ts`), with what is on its way. */
const SOURCE_BYTES_MAX = 40 * MIB;
/** Of a search, which holds its hits alone: as much as lets every thread have one in hand and one ahead. */
const SEARCH_BYTES_MAX = 16 * MIB;
/** Of what is read back from a temporary file. */
const SPILLED_BYTES = 256 * 1024;

/** @param segments of one UTC day; the result is in the order of `fromMs` */
export function planSources(
  segments: readonly StoredSegment[],
  scanner: Scanner,
  limits: MergeLimits,
): PlannedSource[] {
  const [days = [], hours = []] = [segments.filter(isDayObject), segments.filter(isHour)];
  const streams = days.map((segment) => planned([segment], STREAM_BYTES, scanner));
  return [
    ...limited(streams, limits.streamBytes, scanner.findings),
    ...stretches(hours, limits, scanner),
  ].sort((a, b) => a.fromMs - b.fromMs);
}

function isHour(segment: StoredSegment): boolean {
  return !isDayObject(segment);
}

/** Hours that follow each other and are small are one source, with all their channels: a thread merges them. */
function stretches(
  segments: readonly StoredSegment[],
  limits: MergeLimits,
  scanner: Scanner,
): PlannedSource[] {
  const hours = Map.groupBy(segments, (segment) => segmentSpan(segment).fromMs);
  const sources: PlannedSource[] = [];
  let stretch: StoredSegment[] = [];
  const end = () => {
    if (stretch.length > 0) sources.push(planned(stretch, estimatedBytes(stretch), scanner));
    stretch = [];
  };
  for (const [, hour] of [...hours].sort(([a], [b]) => a - b)) {
    const more = [...stretch, ...hour];
    if (estimatedBytes(more) > limits.stretchBytes || more.length > STRETCH_OBJECTS_MAX) end();
    stretch = [...stretch, ...hour];
  }
  end();
  return sources;
}

function planned(segments: StoredSegment[], heldBytes: number, scanner: Scanner): PlannedSource {
  const platforms = new Set(segments.map(({ platform }) => platform));
  const [platform = ''] = platforms;
  return {
    platform: platforms.size === 1 ? (decodeName(platform) ?? platform) : undefined,
    // A thread merges hours; of a day object nobody knows who made it.
    isMerged: !isDayObject(segments[0]!),
    fromMs: segmentSpan(segments[0]!).fromMs,
    heldBytes: Math.min(scanner.options.search ? SEARCH_BYTES_MAX : SOURCE_BYTES_MAX, heldBytes),
    open: () => scanner.open(segments),
  };
}

/** As they are where they fit together; else merged beforehand in groups that do. */
function limited(sources: PlannedSource[], heldMax: number, count: MergeCount): PlannedSource[] {
  if (sources.length < 2 || heldBytesOf(sources) <= heldMax) return sources;
  const groups: PlannedSource[][] = [];
  for (const source of sources) {
    const group = groups.at(-1);
    if (group && heldBytesOf([...group, source]) <= heldMax) group.push(source);
    else groups.push([source]);
  }
  if (groups.length === sources.length) return sources;
  const merged = groups.map((group): PlannedSource => {
    const platforms = new Set(group.map(({ platform }) => platform));
    const platform = platforms.size === 1 ? group[0]!.platform : undefined;
    const { fromMs } = group[0]!;
    const open = () => spilledSource(group, heldMax, count);
    return { platform, isMerged: true, fromMs, heldBytes: SPILLED_BYTES, open };
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
  return segments.reduce((sum, { key, bytes }) => sum + bytes * ratio(key), 0);
}

/** Chat compresses to about a tenth. */
function ratio(key: string): number {
  return key.endsWith('.zst') ? 11 : key.endsWith('.gz') ? 9 : 1;
}
