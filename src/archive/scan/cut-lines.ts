/** Bytes to lines: cuts them, finds their times, and leaves out what is not wanted. */
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { manifestGap } from '../manifest/gap-scanner.ts';
import { eventMatcher, neededTexts } from '../selection.ts';
import { type BatchPart, joinParts, type LineBatch, oneLine } from './line-batch.ts';
import { lineTime, parsedLine } from './line-facts.ts';
import type { LineRequest, ScannedSegment, ScanReport } from './scan-request.ts';
import { ServedLines } from './served-lines.ts';
import { WholeLines } from './whole-lines.ts';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const LETTER_U = 0x75;
/** Where the channel's name begins, and where after it the user's does. */
const NAME_AT = '{"timestamp":"2026-11-21T13:00:00.000Z","channel":"'.length;
const USER_AT = '","username":"'.length;
const GAP_MARK = Buffer.from('"type":"gap"');

/** For one segment, from its beginning to its end. */
export interface SegmentCutter {
  /** The wanted ones of the lines that end in these bytes, in the order in which they stand there. May keep the bytes. */
  cut(bytes: Uint8Array): LineBatch;
  /** A last line that has no `\n`; it is given one. Not to be asked for where the segment broke off. */
  finish(): LineBatch;
  /** There is no more, also where the segment broke off. */
  end?(): void;
}

export class LineCutter implements SegmentCutter {
  readonly #segment: ScannedSegment;
  readonly #request: LineRequest;
  /** Of the channel's name in the lines. */
  readonly #nameBytes: number;
  readonly #served: ServedLines | undefined;
  readonly #report: ScanReport;
  readonly #isOfUsers: ReturnType<typeof eventMatcher>;
  readonly #needed: RegExp | undefined;
  readonly #whole = new WholeLines();
  /** What a line without a time goes by. */
  #beforeMs: number;
  #offsets = new Uint32Array(4096);
  #times = new Float64Array(4096);
  /** 0 = not wanted. */
  #wanted = new Uint8Array(4096);

  constructor(segment: ScannedSegment, request: LineRequest, gate: PrivacyGate, report: ScanReport) {
    this.#segment = segment;
    this.#request = request;
    this.#nameBytes = Buffer.byteLength(JSON.stringify(segment.channel)) - 2;
    this.#served = gate.isEmpty ? undefined : new ServedLines(gate, segment.platform);
    this.#report = report;
    this.#beforeMs = segment.span.fromMs;
    this.#isOfUsers = eventMatcher(request);
    const needed = neededTexts(request);
    this.#needed = needed && new RegExp(needed.map(RegExp.escape).join('|'), 'gi');
  }

  cut(bytes: Uint8Array): LineBatch {
    return this.#wantedOf(this.#whole.take(bytes));
  }

  finish(): LineBatch {
    return this.#wantedOf(this.#whole.finish());
  }

  #wantedOf(bytes: Uint8Array): LineBatch {
    const count = this.#findLines(bytes);
    this.#report.lines += count;
    this.#report.linesBytes += bytes.length;
    const all: LineBatch = {
      bytes: bytes as Uint8Array<ArrayBuffer>,
      offsets: this.#offsets.slice(0, count + 1),
      times: this.#times.slice(0, count),
    };
    this.#noteGaps(all);
    if (this.#isOfUsers) this.#demandUsers(all);
    const wanted = joinParts(wantedParts(all, this.#wanted));
    return this.#served ? shown(wanted, this.#served) : wanted;
  }

  /** Fills offsets, times and wishes; how many lines there are. */
  #findLines(bytes: Uint8Array): number {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const { span } = this.#segment;
    const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = this.#request;
    let count = 0;
    for (let start = 0; start < bytes.length; ) {
      const end = buffer.indexOf(NEWLINE, start);
      if (count + 1 >= this.#offsets.length) this.#grow();
      let timeMs = lineTime(bytes, start, end);
      if (Number.isNaN(timeMs)) {
        this.#report.unreadable++;
        timeMs = this.#beforeMs;
      }
      this.#offsets[count] = start;
      this.#wanted[count] = timeMs >= fromMs && timeMs < toMs && end > start ? 1 : 0;
      if (timeMs < span.fromMs || timeMs >= span.toMs) {
        this.#report.misplaced++;
        timeMs = Math.min(Math.max(timeMs, span.fromMs), span.toMs - 1);
      }
      this.#times[count++] = timeMs;
      this.#beforeMs = timeMs;
      start = end + 1;
    }
    this.#offsets[count] = bytes.length;
    return count;
  }

  #grow(): void {
    this.#offsets = grown(this.#offsets, new Uint32Array(this.#offsets.length * 2));
    this.#times = grown(this.#times, new Float64Array(this.#times.length * 2));
    this.#wanted = grown(this.#wanted, new Uint8Array(this.#wanted.length * 2));
  }

  /**
   * A gap is nobody's: its `username` is empty, which is looked for where it has to stand. Lines that begin in any other way
   * are looked at, too.
   */
  #noteGaps({ bytes, offsets, times }: LineBatch): void {
    const name = NAME_AT + this.#nameBytes;
    for (let index = 0; index < times.length; index++) {
      const at = offsets[index]! + name;
      const isUser = bytes[at] === QUOTE && bytes[at + 3] === LETTER_U;
      const isPlain = isUser && bytes[at + USER_AT - 1] === QUOTE;
      if ((isPlain && bytes[at + USER_AT] !== QUOTE) || this.#wanted[index] === 0) continue;
      const line = Buffer.from(
        bytes.buffer,
        bytes.byteOffset + offsets[index]!,
        offsets[index + 1]! - offsets[index]!,
      );
      if (!line.includes(GAP_MARK)) continue;
      const event = parsedLine(line, 0, line.length);
      const gap = event && manifestGap(event);
      if (gap) this.#report.gaps.push({ platform: this.#segment.platform, ...gap });
    }
  }

  #demandUsers(lines: LineBatch): void {
    const isCandidate = this.#needed && new Uint8Array(lines.times.length);
    if (this.#needed) for (const index of linesMatching(lines, this.#needed)) isCandidate![index] = 1;
    for (let index = 0; index < lines.times.length; index++) {
      if (this.#wanted[index] === 0) continue;
      if (isCandidate?.[index] === 0) {
        this.#wanted[index] = 0;
        continue;
      }
      const event = parsedLine(lines.bytes, lines.offsets[index]!, lines.offsets[index + 1]! - 1);
      this.#wanted[index] = event && this.#isOfUsers!(event) ? 1 : 0;
    }
  }
}

function shown(lines: LineBatch, served: ServedLines): LineBatch {
  const parts: BatchPart[] = [];
  for (const [index, timeMs] of lines.times.entries()) {
    const verdict = served.judge(lines, index);
    if (verdict === 'remove') continue;
    const last = parts.at(-1);
    if (verdict !== 'keep') parts.push({ batch: oneLine(verdict, timeMs), from: 0, to: 1 });
    else if (last?.batch === lines && last.to === index) last.to++;
    else parts.push({ batch: lines, from: index, to: index + 1 });
  }
  return joinParts(parts);
}

function wantedParts(batch: LineBatch, wanted: Uint8Array): BatchPart[] {
  const parts: BatchPart[] = [];
  const count = batch.times.length;
  for (let from = 0; from < count; ) {
    if (wanted[from] === 0) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < count && wanted[to] === 1) to++;
    parts.push({ batch, from, to });
    from = to;
  }
  return parts;
}

/** The lines that match, by their places in the batch. */
function* linesMatching(lines: LineBatch, pattern: RegExp): Generator<number> {
  const { bytes, offsets } = lines;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const index = lineOf(lines, found.index);
    yield index;
    pattern.lastIndex = offsets[index + 1]!;
  }
}

/** The place of the line that this byte is of. */
function lineOf({ offsets, times }: LineBatch, at: number): number {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
