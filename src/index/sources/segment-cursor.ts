/**
 * How far a segment was read, with what going on from there needs: the SHA-256 of the bytes so far, by which the ledger
 * knows that a file is still the one it was, and the lines at the end that belong to one moment (`SegmentChunk.before`).
 */
import { createHash, type Hash } from 'node:crypto';

const NEWLINE = 0x0a;
/** Of the end of what was read; a moment's lines are a few, and what lies further back is no neighbour. */
const TAIL_BYTES_MAX = 256 * 1024;

/** Immutable: a chunk that was not taken in leaves its segment's cursor where it was. */
export class SegmentCursor {
  readonly bytes: number;
  /** The lines of the same moment at the end of what was read. */
  readonly before: readonly Buffer[];
  readonly #hash: Hash;

  private constructor(bytes: number, before: readonly Buffer[], hash: Hash) {
    this.bytes = bytes;
    this.before = before;
    this.#hash = hash;
  }

  static start(): SegmentCursor {
    return new SegmentCursor(0, [], createHash('sha256'));
  }

  /** Lower-case hex SHA-256 of everything read. */
  get digest(): string {
    return this.#hash.copy().digest('hex');
  }

  /** After a stretch, and the lines that are in it. */
  after(stretch: Buffer, lines: readonly Buffer[]): SegmentCursor {
    const hash = this.#hash.copy().update(stretch);
    return new SegmentCursor(this.bytes + stretch.length, lastMoment(this.before, lines), hash);
  }

  /** After bytes that were read before; only their last lines matter. */
  static async past(source: AsyncIterable<Buffer>): Promise<SegmentCursor> {
    const hash = createHash('sha256');
    let bytes = 0;
    let tail: Buffer = Buffer.alloc(0);
    for await (const chunk of source) {
      hash.update(chunk);
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES_MAX);
    }
    const lines = linesOf(tail);
    return new SegmentCursor(bytes, lastMoment([], bytes > tail.length ? lines.slice(1) : lines), hash);
  }
}

/** Whole lines without their ends. */
export function linesOf(stretch: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let start = 0;
  for (let end = stretch.indexOf(NEWLINE); end >= 0; end = stretch.indexOf(NEWLINE, start)) {
    lines.push(stretch.subarray(start, end));
    start = end + 1;
  }
  return lines;
}

function lastMoment(before: readonly Buffer[], lines: readonly Buffer[]): readonly Buffer[] {
  const last = lines.at(-1);
  if (!last) return before;
  const moment = momentOf(last);
  let first = lines.length - 1;
  while (first > 0 && momentOf(lines[first - 1]!) === moment) first--;
  const isAllOfOne = first === 0 && before.length > 0 && momentOf(before.at(-1)!) === moment;
  // A copy: a few lines must not hold the whole stretch in memory.
  const own = lines.slice(first).map((line) => Buffer.from(line));
  return isAllOfOne ? withinTail([...before, ...own]) : withinTail(own);
}

function withinTail(lines: Buffer[]): Buffer[] {
  let bytes = 0;
  for (let index = lines.length - 1; index >= 0; index--) {
    bytes += lines[index]!.length + 1;
    if (bytes > TAIL_BYTES_MAX) return lines.slice(index + 1);
  }
  return lines;
}

/** When a line was received, as `IdenticalLines` compares it. */
function momentOf(line: Buffer): unknown {
  try {
    return (JSON.parse(line.toString('utf8')) as { received_at?: unknown } | null)?.received_at;
  } catch {
    return undefined;
  }
}
