import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { segmentSpan } from '../../storage/segment-span.ts';
import type { SegmentCutter } from '../scan/cut-lines.ts';
import { joinParts, type LineBatch } from '../scan/line-batch.ts';
import type { LineRequest, ScannedSegment, ScanReport } from '../scan/scan-request.ts';
import { WholeLines } from '../scan/whole-lines.ts';
import { HitCutter, searchOf } from './hit-cutter.ts';
import type { SearchQuery } from './search-query.ts';

/** Of one segment the number of lines that a query asks for; it gives none of them. */
export class HitCounter implements SegmentCutter {
  readonly #report: ScanReport;
  readonly #channel: string;
  readonly #whole = new WholeLines();
  readonly #count: (lines: Uint8Array) => number;

  constructor(
    segment: ScannedSegment,
    request: LineRequest & { search: SearchQuery },
    gate: PrivacyGate,
    report: ScanReport,
  ) {
    this.#report = report;
    this.#channel = `${segment.platform}/${segment.channel}`;
    const isPlain = gate.isEmpty && request.fromMs === undefined && request.toMs === undefined;
    if (isPlain) this.#count = this.#countPlain(request);
    else {
      const cutter = new HitCutter(segment, request, gate, report);
      this.#count = (lines) => cutter.cut(lines).times.length;
    }
  }

  cut(bytes: Uint8Array): LineBatch {
    return this.#counted(this.#whole.take(bytes));
  }

  finish(): LineBatch {
    return this.#counted(this.#whole.finish());
  }

  #counted(lines: Uint8Array): LineBatch {
    const { counts } = this.#report;
    const count = this.#count(lines);
    if (count > 0) counts[this.#channel] = (counts[this.#channel] ?? 0) + count;
    return joinParts([]);
  }

  /** Where every line counts it need not be known of which time it is. */
  #countPlain(request: LineRequest & { search: SearchQuery }): (lines: Uint8Array) => number {
    const search = searchOf(request);
    return (lines) => {
      let count = 0;
      this.#report.linesBytes += lines.length;
      search(Buffer.from(lines.buffer, lines.byteOffset, lines.length), () => count++);
      return count;
    };
  }
}

/** Segments that no other one can have lines of: their lines can be counted without comparing them with others. */
export function separateSegments(segments: readonly StoredSegment[]): StoredSegment[] {
  const channels = Map.groupBy(segments, ({ platform, channel }) => `${platform}/${channel}`);
  return [...channels.values()].flatMap((ofChannel) => {
    const spans = ofChannel.map(segmentSpan);
    return ofChannel.filter((_, index) =>
      spans.every(
        ({ fromMs, toMs }, other) =>
          other === index || toMs <= spans[index]!.fromMs || fromMs >= spans[index]!.toMs,
      ),
    );
  });
}
