/**
 * Bytes of a connection to lines, whatever pieces they come in. Every byte between line ends is handed over exactly
 * once and recoverable: as text where the line is UTF-8, as bytes where it is not or where it is too long.
 *
 * Limits: an unfinished line occupies at most {@link LINE_BYTES_MAX} bytes; what is longer is handed over in pieces
 * of that size as it comes. Work is proportional to the bytes: the finished lines of a chunk are checked and decoded
 * by one call each. What a connection leaves unfinished when it ends is no line: it is forgotten (its message comes
 * whole from backfill, and half of it under the same id would shut the whole one out).
 */
import { isUtf8 } from 'node:buffer';

/** The longest line that is a line: eight times the longest that IRCv3 allows. */
export const LINE_BYTES_MAX = 64 * 1024;

/** Why a line comes as bytes. */
export type OddReason = 'not UTF-8' | 'too long';

export interface LineReceiver {
  /** A line without its end (`\n` or `\r\n`); never empty. The text may share memory with the rest of its chunk. */
  line(text: string): void;
  /**
   * A line that is not UTF-8, or one piece of a line that is too long (`piece` counts from 1; the last one is
   * without the line end). The bytes are the receiver's to keep.
   */
  bytes(bytes: Buffer, reason: OddReason, piece: number): void;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** UTF-8 needs at most three bytes for one UTF-16 unit: shorter texts need no counting. */
const CERTAINLY_SHORT = Math.floor(LINE_BYTES_MAX / 3);

export class LineSplitter {
  readonly #receiver: LineReceiver;
  /** The unfinished line: the first `#tailBytes` of `#tail`. */
  #tail = Buffer.alloc(0);
  #tailBytes = 0;
  /** Pieces of the unfinished line handed over so far. */
  #pieces = 0;

  constructor(receiver: LineReceiver) {
    this.#receiver = receiver;
  }

  /** Bytes held for an unfinished line. */
  get pendingBytes(): number {
    return this.#tailBytes;
  }

  /** The chunk is not kept. */
  push(chunk: Buffer): void {
    const last = chunk.lastIndexOf(NEWLINE);
    if (last < 0) {
      this.#keep(chunk);
      return;
    }
    let start = 0;
    if (this.#tailBytes > 0 || this.#pieces > 0) {
      start = chunk.indexOf(NEWLINE) + 1;
      this.#finishTail(chunk.subarray(0, start - 1));
    }
    if (start <= last) this.#lines(chunk.subarray(start, last + 1));
    if (last + 1 < chunk.length) this.#keep(chunk.subarray(last + 1));
  }

  /** Whole lines, each with its `\n`. */
  #lines(bytes: Buffer): void {
    if (!isUtf8(bytes)) {
      this.#linesOneByOne(bytes);
      return;
    }
    const text = bytes.toString('utf8');
    for (let start = 0; start < text.length; ) {
      const newline = text.indexOf('\n', start);
      const end = text.charCodeAt(newline - 1) === RETURN && newline > start ? newline - 1 : newline;
      if (end > start) this.#line(text.slice(start, end));
      start = newline + 1;
    }
  }

  #line(text: string): void {
    if (text.length <= CERTAINLY_SHORT || Buffer.byteLength(text) <= LINE_BYTES_MAX)
      this.#receiver.line(text);
    else this.#tooLong(Buffer.from(text, 'utf8'));
  }

  #linesOneByOne(bytes: Buffer): void {
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      this.#wholeLine(bytes.subarray(start, newline));
      start = newline + 1;
    }
  }

  /** One line of any kind, without its `\n`. */
  #wholeLine(withReturn: Buffer): void {
    const line = withReturn.at(-1) === RETURN ? withReturn.subarray(0, -1) : withReturn;
    if (line.length === 0) return;
    if (line.length > LINE_BYTES_MAX) this.#tooLong(line);
    else if (isUtf8(line)) this.#receiver.line(line.toString('utf8'));
    else this.#receiver.bytes(Buffer.from(line), 'not UTF-8', 1);
  }

  #tooLong(line: Buffer, firstPiece = 1): void {
    for (let start = 0, piece = firstPiece; start < line.length; start += LINE_BYTES_MAX, piece++) {
      this.#receiver.bytes(Buffer.from(line.subarray(start, start + LINE_BYTES_MAX)), 'too long', piece);
    }
  }

  #finishTail(rest: Buffer): void {
    this.#keep(rest);
    const line = this.#tail.subarray(0, this.#tailBytes);
    const pieces = this.#pieces;
    this.#tailBytes = 0;
    this.#pieces = 0;
    if (pieces === 0) this.#wholeLine(line);
    else this.#tooLong(line.at(-1) === RETURN ? line.subarray(0, -1) : line, pieces + 1);
    if (this.#tail.length > 4096) this.#tail = Buffer.alloc(0);
  }

  /**
   * Appends to the unfinished line. One byte beyond the limit is still held back, because it may be the `\r` of the
   * line end; the second proves that the line is too long.
   */
  #keep(bytes: Buffer): void {
    let rest = bytes;
    while (this.#tailBytes + rest.length > LINE_BYTES_MAX + 1) {
      const taken = LINE_BYTES_MAX + 1 - this.#tailBytes;
      this.#append(rest.subarray(0, taken));
      rest = rest.subarray(taken);
      this.#receiver.bytes(Buffer.from(this.#tail.subarray(0, LINE_BYTES_MAX)), 'too long', ++this.#pieces);
      this.#tail[0] = this.#tail[LINE_BYTES_MAX]!;
      this.#tailBytes = 1;
    }
    this.#append(rest);
  }

  #append(bytes: Buffer): void {
    const needed = this.#tailBytes + bytes.length;
    if (needed > this.#tail.length) {
      const grown = Buffer.allocUnsafe(
        Math.min(LINE_BYTES_MAX + 1, Math.max(needed, 2 * this.#tail.length, 512)),
      );
      this.#tail.copy(grown, 0, 0, this.#tailBytes);
      this.#tail = grown;
    }
    bytes.copy(this.#tail, this.#tailBytes);
    this.#tailBytes = needed;
  }
}
