/** A finished segment, from where the ledger stands to its end, in stretches of whole lines. Memory: one stretch. */
import { linesOf, SegmentCursor } from './segment-cursor.ts';

const NEWLINE = 0x0a;

/** What the ledger knows of a segment. */
export interface Standing {
  /** Bytes from the beginning that are in the index... */
  bytes: number;
  /** ...and their SHA-256; undefined where that is not known. */
  digest: string | undefined;
}

export const UNREAD: Standing = { bytes: 0, digest: undefined };

export interface PieceLimits {
  lines: number;
  bytes: number;
}

export interface SegmentPiece {
  lines: readonly Buffer[];
  /** Lines of the moment that goes on in this piece. */
  before: readonly Buffer[];
  /** Behind it. */
  cursor: SegmentCursor;
  /** The segment ends here. */
  isLast: boolean;
}

/**
 * What is not in the index yet; from the beginning, where the segment does not begin with what the ledger says (lines
 * were cut off or set aside: loading again what was loaded changes nothing). The last piece may be without lines. A line
 * that is longer than a piece, and a last one without its end, come as what is no line of ours, for the loader to count.
 * @param open the uncompressed bytes from the beginning; called twice at most.
 */
export async function* segmentPieces(
  open: () => AsyncIterable<Buffer>,
  standing: Standing,
  limits: PieceLimits,
): AsyncGenerator<SegmentPiece> {
  const source = new ByteSource(open());
  try {
    const cursor = await SegmentCursor.past(source.take(standing.bytes));
    if (isSame(cursor, standing)) {
      yield* piecesFrom(cursor, source.rest(), limits);
      return;
    }
  } finally {
    await source.close();
  }
  yield* piecesFrom(SegmentCursor.start(), open(), limits);
}

/** A line that the ledger has no digest for is believed by its length: rows of versions that kept none. */
export function isSame(cursor: SegmentCursor, { bytes, digest }: Standing): boolean {
  return cursor.bytes === bytes && (bytes === 0 || digest === undefined || cursor.digest === digest);
}

/** The pieces behind a cursor, of a source that begins there. */
export async function* piecesFrom(
  begin: SegmentCursor,
  source: AsyncIterable<Buffer>,
  limits: PieceLimits,
): AsyncGenerator<SegmentPiece> {
  let cursor = begin;
  let held: SegmentPiece | undefined;
  for await (const { bytes, lines } of stretches(source, limits)) {
    if (held) yield held;
    const { before } = cursor;
    cursor = cursor.after(bytes, lines);
    held = { lines, before, cursor, isLast: false };
  }
  yield held ? { ...held, isLast: true } : { lines: [], before: [], cursor, isLast: true };
}

interface Stretch {
  bytes: Buffer;
  lines: readonly Buffer[];
}

async function* stretches(source: AsyncIterable<Buffer>, limits: PieceLimits): AsyncGenerator<Stretch> {
  let held: Buffer[] = [];
  let bytes = 0;
  let ends = 0;
  for await (const chunk of source) {
    held.push(chunk);
    bytes += chunk.length;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) ends++;
    if (ends < limits.lines && bytes < limits.bytes) continue;
    const all = Buffer.concat(held);
    // Of a line that does not end within a piece only its last part counts as one.
    const end = ends > 0 ? all.lastIndexOf(NEWLINE) + 1 : all.length;
    yield { bytes: all.subarray(0, end), lines: linesOf(all.subarray(0, end)) };
    held = end < all.length ? [Buffer.from(all.subarray(end))] : [];
    bytes = all.length - end;
    ends = 0;
  }
  const rest = Buffer.concat(held);
  if (rest.length === 0) return;
  const end = rest.lastIndexOf(NEWLINE) + 1;
  const lines = linesOf(rest);
  yield { bytes: rest, lines: end < rest.length ? [...lines, rest.subarray(end)] : lines };
}

/** A stream of bytes that is read in two parts. */
class ByteSource {
  readonly #iterator: AsyncIterator<Buffer>;
  #surplus: Buffer | undefined;

  constructor(source: AsyncIterable<Buffer>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** The first so many bytes; fewer where it ends before. */
  async *take(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      const { done, value } = await this.#iterator.next();
      if (done) return;
      if (value.length > left) this.#surplus = Buffer.from(value.subarray(left));
      yield value.length > left ? value.subarray(0, left) : value;
      left -= Math.min(left, value.length);
    }
  }

  async *rest(): AsyncGenerator<Buffer> {
    if (this.#surplus) yield this.#surplus;
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done) return;
      yield value;
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Of a source, so many bytes at most. */
export async function* firstBytes(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  if (left <= 0) return;
  for await (const chunk of source) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
