/**
 * Cuts one large JSON object into its members and, of one array, into its elements, without holding more than one of them:
 * files of many gigabytes take no more memory than small ones. What is cut out is left to `JSON.parse`.
 *
 * Own code because it is needed for files of any size and origin: stream-json 3.8 (the field's usual one) read 4 MB/s here, which
 * is hours for what people have, and its readme advises against input that one does not trust.
 */
export type JsonPiece =
  | { member: string; value: Buffer }
  | { element: Buffer; line: number }
  /** An element, or the end of the file, that cannot be used. */
  | { damaged: string; text: Buffer; line: number };

/** Longer elements are no messages. */
const ELEMENT_BYTES_MAX = 8 * 1024 * 1024;
/** Longer members (embedded pictures) are passed over. */
const MEMBER_BYTES_MAX = 1024 * 1024;
const DAMAGED_BYTES = 2_000;

const [QUOTE, BACKSLASH, NEWLINE, COMMA, COLON] = [0x22, 0x5c, 0x0a, 0x2c, 0x3a];
const [OBJECT, OBJECT_END, ARRAY, ARRAY_END] = [0x7b, 0x7d, 0x5b, 0x5d];

/** @param array name of the outermost object's member whose elements are given one by one */
export async function* jsonRecords(
  source: AsyncIterable<Uint8Array>,
  array: string,
): AsyncGenerator<JsonPiece> {
  const cutter = new JsonCutter(array);
  for await (const chunk of source)
    yield* cutter.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
  yield* cutter.end();
}

class JsonCutter {
  readonly #array: string;
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #line = 1;
  /** What stands between the outermost object's commas: before its colon the name, after it the value. */
  #member: string | undefined;
  #isInArray = false;
  #isDone = false;
  /** What is being cut out, where the next of it begins in this chunk, and how much may be kept. */
  #pieces: Buffer[] = [];
  #bytes = 0;
  #from = -1;
  #startLine = 1;

  constructor(array: string) {
    this.#array = array;
  }

  *take(chunk: Buffer): Generator<JsonPiece> {
    if (this.#from >= 0) this.#from = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) this.#isInString = false;
        continue;
      }
      switch (byte) {
        case NEWLINE:
          this.#line++;
          break;
        case QUOTE:
          this.#isInString = true;
          break;
        case OBJECT:
        case ARRAY:
          if (++this.#depth === 1) {
            this.#begin(at + 1);
            continue;
          }
          if (byte === ARRAY && this.#depth === 2 && this.#member === this.#array) {
            this.#isInArray = true;
            this.#begin(at + 1);
            continue;
          }
          break;
        case OBJECT_END:
        case ARRAY_END:
          if (this.#depth === 1 || (this.#depth === 2 && this.#isInArray)) {
            yield* this.#cut(chunk, at);
            if (this.#isInArray) {
              this.#isInArray = false;
              this.#member = '';
            } else this.#isDone = true;
          }
          this.#depth--;
          break;
        case COMMA:
          if (this.#depth === 1 || (this.#depth === 2 && this.#isInArray)) {
            yield* this.#cut(chunk, at);
            if (!this.#isInArray) this.#member = undefined;
            this.#begin(at + 1);
          }
          break;
        case COLON:
          if (this.#depth === 1 && this.#member === undefined) {
            this.#member = nameOf(this.#taken(chunk, at));
            this.#begin(at + 1);
          }
          break;
      }
    }
    if (this.#from >= 0) this.#keep(Buffer.from(chunk.subarray(this.#from)));
  }

  *end(): Generator<JsonPiece> {
    if (this.#isDone) return;
    const text = Buffer.concat(this.#pieces).subarray(0, DAMAGED_BYTES);
    yield { damaged: 'the file ends in the middle', text, line: this.#startLine };
  }

  #begin(from: number): void {
    this.#pieces = [];
    this.#bytes = 0;
    this.#from = from;
    this.#startLine = this.#line;
  }

  #keep(piece: Buffer): void {
    const bytesMax = this.#isInArray ? ELEMENT_BYTES_MAX : MEMBER_BYTES_MAX;
    this.#bytes += piece.length;
    if (this.#bytes <= bytesMax) this.#pieces.push(piece);
  }

  #taken(chunk: Buffer, end: number): Buffer {
    const last = chunk.subarray(this.#from, end);
    const bytes = this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last]);
    this.#bytes += last.length;
    this.#from = -1;
    return bytes;
  }

  *#cut(chunk: Buffer, end: number): Generator<JsonPiece> {
    if (this.#from < 0) return;
    const bytes = this.#taken(chunk, end);
    const line = this.#startLine;
    if (this.#isInArray) {
      if (this.#bytes > ELEMENT_BYTES_MAX)
        yield { damaged: 'too long for a message', text: bytes.subarray(0, DAMAGED_BYTES), line };
      else if (!isBlank(bytes)) yield { element: bytes, line };
    } else if (this.#member !== undefined && this.#bytes <= MEMBER_BYTES_MAX) {
      yield { member: this.#member, value: bytes };
    }
  }
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function nameOf(bytes: Buffer): string {
  try {
    return String(JSON.parse(bytes.toString('utf8')));
  } catch {
    return '';
  }
}
