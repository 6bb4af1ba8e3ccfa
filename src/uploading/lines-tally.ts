/**
 * Counts and hashes the lines of a segment while its bytes pass by, and finds the smallest and largest `timestamp`.
 * Looks at the first 39 bytes of a line where it starts the way Chatlog writes it, and parses others; memory is
 * bounded by the longest line that is parsed (1 MiB; longer ones count but tell no time).
 */
import { createHash } from 'node:crypto';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const PREFIX = Buffer.from('{"timestamp":"');
const TIMESTAMP_PATTERN = Buffer.from('0000-00-00T00:00:00.000Z');
const HEAD_BYTES = PREFIX.length + TIMESTAMP_PATTERN.length + 1;
const PARSED_BYTES_MAX = 1024 * 1024;

export interface LinesSummary {
  linesSha256: string;
  linesBytes: number;
  lines: number;
  /** '' where no line tells a time. */
  firstTimestamp: string;
  lastTimestamp: string;
}

export class LinesTally {
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #lines = 0;
  readonly #first = Buffer.alloc(TIMESTAMP_PATTERN.length);
  readonly #last = Buffer.alloc(TIMESTAMP_PATTERN.length);
  #hasTimestamp = false;
  /** Copies of the pieces of a line that goes on in the next chunk. */
  #pieces: Buffer[] = [];
  #piecesBytes = 0;
  #lineIsOpen = false;

  /** The chunk may be reused by the caller afterwards. */
  update(chunk: Buffer): void {
    this.#hash.update(chunk);
    this.#bytes += chunk.length;
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      if (this.#lineIsOpen) this.#closeLine(chunk.subarray(start, end));
      else this.#takeLine(chunk, start, end);
      start = end + 1;
    }
    if (start < chunk.length) this.#keepPiece(chunk.subarray(start));
  }

  finish(): LinesSummary {
    if (this.#lineIsOpen) this.#closeLine(Buffer.alloc(0));
    return {
      linesSha256: this.#hash.digest('hex'),
      linesBytes: this.#bytes,
      lines: this.#lines,
      firstTimestamp: this.#hasTimestamp ? this.#first.toString('latin1') : '',
      lastTimestamp: this.#hasTimestamp ? this.#last.toString('latin1') : '',
    };
  }

  #keepPiece(piece: Buffer): void {
    this.#lineIsOpen = true;
    // Of a line too long to be parsed, the head still tells the time.
    if (this.#piecesBytes > PARSED_BYTES_MAX) return;
    this.#pieces.push(Buffer.from(piece));
    this.#piecesBytes += piece.length;
  }

  #closeLine(lastPiece: Buffer): void {
    const line = Buffer.concat([...this.#pieces, lastPiece]);
    this.#pieces = [];
    this.#piecesBytes = 0;
    this.#lineIsOpen = false;
    this.#takeLine(line, 0, line.length);
  }

  #takeLine(bytes: Buffer, start: number, end: number): void {
    this.#lines++;
    const at = start + PREFIX.length;
    if (end - start >= HEAD_BYTES && hasTimestampAt(bytes, start)) {
      this.#takeTimestamp(bytes, at);
    } else if (end - start <= PARSED_BYTES_MAX) {
      const timestamp = parsedTimestamp(bytes.toString('utf8', start, end));
      if (timestamp) this.#takeTimestamp(timestamp, 0);
    }
  }

  /** The form of fixed width sorts by its bytes. */
  #takeTimestamp(bytes: Buffer, at: number): void {
    const end = at + TIMESTAMP_PATTERN.length;
    if (!this.#hasTimestamp || bytes.compare(this.#last, 0, undefined, at, end) > 0) {
      bytes.copy(this.#last, 0, at, end);
    }
    if (!this.#hasTimestamp || bytes.compare(this.#first, 0, undefined, at, end) < 0) {
      bytes.copy(this.#first, 0, at, end);
    }
    this.#hasTimestamp = true;
  }
}

function hasTimestampAt(bytes: Buffer, start: number): boolean {
  const at = start + PREFIX.length;
  if (bytes[at + TIMESTAMP_PATTERN.length] !== QUOTE) return false;
  if (bytes.compare(PREFIX, 0, undefined, start, at) !== 0) return false;
  for (let index = 0; index < TIMESTAMP_PATTERN.length; index++) {
    const expected = TIMESTAMP_PATTERN[index]!;
    const actual = bytes[at + index]!;
    const isDigit = actual >= 0x30 && actual <= 0x39;
    if (expected === 0x30 ? !isDigit : actual !== expected) return false;
  }
  return true;
}

function parsedTimestamp(line: string): Buffer | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (value === null || typeof value !== 'object' || !('timestamp' in value)) return undefined;
    if (typeof value.timestamp !== 'string') return undefined;
    const text = new Date(value.timestamp).toISOString();
    return text.length === TIMESTAMP_PATTERN.length ? Buffer.from(text) : undefined;
  } catch {
    return undefined;
  }
}
