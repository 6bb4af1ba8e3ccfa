/** All lines of one channel's day in one order, each once, out of the copies of its segments. */
import { decodeName } from '../../segment-name.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject, segmentSpan, type TimeSpan } from '../../storage/segment-span.ts';
import type { LineSource, PlannedSource } from '../merge/line-source.ts';
import { mergeSources } from '../merge/merge-sources.ts';
import { readAhead } from '../merge/read-ahead.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import { Scanner } from '../scan/scanner.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';
import { EVERYTHING } from '../selection.ts';
import type { AuditedSource } from './audit-day.ts';
import { copiesAsStore, type SourceCopy } from './source-copies.ts';

const MIB = 1024 * 1024;
/** Lines of one hour in a thread's memory; what is more waits in a temporary file. */
const HOUR_BYTES = 8 * MIB;
/** Of hours that are cut and sorted before their turn. */
const AHEAD_BYTES = 16 * MIB;
/** Of a day object: what is decompressed and on its way. */
const STREAM_BYTES = 6 * MIB;

/**
 * Sorted by their time wherever that is within the day, so that what is made of them is a sorted source itself, later on.
 * Lines that lie in another hour than their segment's name says are put where they belong.
 */
export function mergedDay(
  sources: readonly AuditedSource[],
  span: TimeSpan,
  scanner: Scanner,
): AsyncGenerator<LineBatch> {
  const groups = Map.groupBy(sources, ({ segment }) =>
    isDayObject(segment) ? segment.suffix : String(segmentSpan(segment).fromMs),
  );
  const planned = [...groups.values()].map((group): PlannedSource => {
    const { segment } = group[0]!;
    const lines = group.reduce((sum, { summary }) => sum + summary.linesBytes, 0);
    return {
      platform: decodeName(segment.platform) ?? segment.platform,
      fromMs: Math.max(span.fromMs, Math.min(...group.map(earliestMs))),
      heldBytes: Math.min(HOUR_BYTES, isDayObject(segment) ? STREAM_BYTES : lines),
      open: () =>
        scanner.open(
          group.map(({ segment: one }) => one),
          span,
        ),
    };
  });
  planned.sort((a, b) => a.fromMs - b.fromMs);
  return mergeSources(readAhead(planned, AHEAD_BYTES), scanner.findings);
}

/** No line of the segment is earlier: by its name, or by what was seen when it was read. */
function earliestMs({ segment, summary, beginsUntimed }: AuditedSource): number {
  if (beginsUntimed) return Number.NEGATIVE_INFINITY;
  const { fromMs } = segmentSpan(segment);
  const firstMs = Date.parse(summary.firstTimestamp);
  return Number.isNaN(firstMs) ? fromMs : Math.min(fromMs, firstMs);
}

/** Reads copies in place of what lies in storage. */
export function scannerOf(copies: readonly SourceCopy[], pool: WorkerPool, signal: AbortSignal): Scanner {
  return new Scanner({
    store: copiesAsStore(copies),
    pool,
    selection: EVERYTHING,
    heldBytes: HOUR_BYTES,
    signal,
  });
}

/** The lines of one day object, in its order. */
export async function* dayObjectLines(scanner: Scanner, segment: StoredSegment): AsyncGenerator<LineBatch> {
  const source: LineSource = scanner.open([segment], segmentSpan(segment));
  try {
    for (let batch = await source.next(); batch; batch = await source.next()) yield batch;
  } finally {
    source.close();
  }
}
