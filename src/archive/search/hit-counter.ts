import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { segmentSpan } from '../../storage/segment-span.ts';
import type { SegmentCutter } from '../scan/cut-lines.ts';
import { joinParts, type LineBatch } from '../scan/line-batch.ts';
import { lineFacts } from '../scan/line-facts.ts';
import type { LineRequest, ScannedSegment, ScanReport } from '../scan/scan-request.ts';
import { HitCutter } from './hit-cutter.ts';
import type { SearchQuery } from './search-query.ts';

/** Of a key; with the milliseconds of a day they make a whole number that a double holds. */
const KEY_BITS = 26;

/**
 * Of one segment the number of events that a query asks for; it gives none of them. Copies of an event are those of its
 * millisecond with the same bits of its key: 8 bytes are held for each hit.
 */
export class HitCounter implements SegmentCutter {
  readonly #segment: ScannedSegment;
  readonly #report: ScanReport;
  readonly #cutter: HitCutter;
  /** Hits that nothing but their line identifies: each counts. */
  #unidentified = 0;
  #events = new Float64Array(1024);
  #count = 0;

  constructor(
    segment: ScannedSegment,
    request: LineRequest & { search: SearchQuery },
    gate: PrivacyGate,
    report: ScanReport,
  ) {
    this.#segment = segment;
    this.#report = report;
    this.#cutter = new HitCutter(segment, request, gate, report);
  }

  cut(bytes: Uint8Array): LineBatch {
    return this.#noted(this.#cutter.cut(bytes));
  }

  finish(): LineBatch {
    return this.#noted(this.#cutter.finish());
  }

  end(): void {
    const { platform, channel } = this.#segment;
    const { counts } = this.#report;
    const name = `${platform}/${channel}`;
    const events = this.#events.subarray(0, this.#count).sort();
    let count = this.#unidentified;
    for (let index = 0; index < events.length; index++) if (events[index] !== events[index - 1]) count++;
    this.#report.duplicates += this.#unidentified + events.length - count;
    if (count > 0) counts[name] = (counts[name] ?? 0) + count;
  }

  #noted({ bytes, offsets, times }: LineBatch): LineBatch {
    const { platform, span } = this.#segment;
    for (let index = 0; index < times.length; index++) {
      const { key } = lineFacts(bytes, offsets[index]!, offsets[index + 1]! - 1, platform);
      if (key === '') this.#unidentified++;
      else this.#add((times[index]! - span.fromMs) * 2 ** KEY_BITS + keyBits(key));
    }
    return joinParts([]);
  }

  #add(event: number): void {
    if (this.#count === this.#events.length) {
      const grown = new Float64Array(this.#events.length * 2);
      grown.set(this.#events);
      this.#events = grown;
    }
    this.#events[this.#count++] = event;
  }
}

/** Keys are UUIDs. */
function keyBits(key: string): number {
  return Number.parseInt(key.slice(0, 8), 16) >>> (32 - KEY_BITS);
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
