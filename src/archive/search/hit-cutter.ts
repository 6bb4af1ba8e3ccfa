import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import type { SegmentCutter } from '../scan/cut-lines.ts';
import { joinParts, type LineBatch, oneLine } from '../scan/line-batch.ts';
import { lineTime } from '../scan/line-facts.ts';
import type { LineRequest, ScannedSegment, ScanReport } from '../scan/scan-request.ts';
import { ServedLines } from '../scan/served-lines.ts';
import { WholeLines } from '../scan/whole-lines.ts';
import { type LineSearch, lineSearch } from './line-search.ts';
import type { SearchQuery } from './search-query.ts';

const NEWLINE = 0x0a;

/**
 * Of one segment the lines that a query asks for: nothing else is cut, so that its lines, and what is wrong with them, are not
 * counted.
 */
export class HitCutter implements SegmentCutter {
  readonly #segment: ScannedSegment;
  readonly #request: LineRequest;
  readonly #report: ScanReport;
  readonly #search: LineSearch;
  readonly #served: ServedLines | undefined;
  readonly #whole = new WholeLines();
  /** What a line without a time goes by. */
  #beforeMs: number;

  constructor(
    segment: ScannedSegment,
    request: LineRequest & { search: SearchQuery },
    gate: PrivacyGate,
    report: ScanReport,
  ) {
    this.#segment = segment;
    this.#request = request;
    this.#report = report;
    this.#search = searchOf(request);
    this.#served = gate.isEmpty ? undefined : new ServedLines(gate, segment.platform);
    this.#beforeMs = segment.span.fromMs;
  }

  cut(bytes: Uint8Array): LineBatch {
    return this.#hits(this.#whole.take(bytes));
  }

  finish(): LineBatch {
    return this.#hits(this.#whole.finish());
  }

  #hits(bytes: Uint8Array): LineBatch {
    const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = this.#request;
    this.#report.linesBytes += lines.length;
    const places: number[] = [];
    const times: number[] = [];
    let length = 0;
    this.#search(lines, (start, end) => {
      const timeMs = this.#timeOf(lines, start, end);
      if (timeMs < fromMs || timeMs >= toMs) return;
      places.push(start, end + 1);
      times.push(this.#withinSpan(timeMs));
      length += end + 1 - start;
    });
    const found = batchOf(lines, places, times, length);
    this.#beforeMs = this.#withinSpan(this.#timeBefore(lines, lines.length));
    return this.#served ? this.#shown(found, this.#served) : found;
  }

  #timeOf(lines: Buffer, start: number, end: number): number {
    const timeMs = lineTime(lines, start, end);
    return Number.isNaN(timeMs) ? this.#withinSpan(this.#timeBefore(lines, start)) : timeMs;
  }

  /** Of the last line before this place that tells its time. */
  #timeBefore(lines: Buffer, place: number): number {
    for (let end = place - 1; end >= 0; ) {
      const start = end === 0 ? 0 : lines.lastIndexOf(NEWLINE, end - 1) + 1;
      const timeMs = lineTime(lines, start, end);
      if (!Number.isNaN(timeMs)) return timeMs;
      end = start - 1;
    }
    return this.#beforeMs;
  }

  #withinSpan(timeMs: number): number {
    const { fromMs, toMs } = this.#segment.span;
    return Math.min(Math.max(timeMs, fromMs), toMs - 1);
  }

  /** What is shown otherwise than it was recorded has to be a match as it is shown. */
  #shown(found: LineBatch, served: ServedLines): LineBatch {
    const parts = Array.from(found.times, (timeMs, index) => {
      const verdict = served.judge(found, index);
      if (verdict === 'keep') return { batch: found, from: index, to: index + 1 };
      if (verdict === 'remove' || !this.#isHit(verdict)) return undefined;
      return { batch: oneLine(verdict, timeMs), from: 0, to: 1 };
    });
    return joinParts(parts.filter((part) => part !== undefined));
  }

  #isHit(line: Buffer): boolean {
    let isFound = false;
    this.#search(line, () => {
      isFound = true;
    });
    return isFound;
  }
}

const searches = new WeakMap<SearchQuery, LineSearch>();

/** Made once for all segments of a request. */
function searchOf({ search, users }: LineRequest & { search: SearchQuery }): LineSearch {
  const known = searches.get(search) ?? lineSearch(search, users);
  searches.set(search, known);
  return known;
}

/** @param places where each line begins, and where the next one would */
function batchOf(
  lines: Buffer,
  places: readonly number[],
  times: readonly number[],
  length: number,
): LineBatch {
  const bytes = new Uint8Array(length);
  const offsets = new Uint32Array(times.length + 1);
  for (let index = 0; index < times.length; index++) {
    const start = offsets[index]!;
    const line = lines.subarray(places[2 * index]!, places[2 * index + 1]!);
    bytes.set(line, start);
    offsets[index + 1] = start + line.length;
  }
  return { bytes, offsets, times: Float64Array.from(times) };
}
