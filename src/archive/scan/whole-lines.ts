const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);
const NEWLINES = Buffer.from('\n');
/** No line is nearly as long: such a thing is cut into several. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;

/** Puts pieces of a segment together so that each one ends where a line ends. */
export class WholeLines {
  #rest: Uint8Array = NOTHING;

  /** The lines that end in these bytes. May keep the bytes. */
  take(bytes: Uint8Array): Uint8Array {
    const joined = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const end = joined.lastIndexOf(NEWLINE) + 1;
    this.#rest = end === joined.length ? NOTHING : joined.subarray(end);
    if (this.#rest.length <= LINE_BYTES_MAX) return joined.subarray(0, end);
    this.#rest = NOTHING;
    return Buffer.concat([joined, NEWLINES]);
  }

  /** A last line that has no `\n`; it is given one. Not to be asked for where the segment broke off. */
  finish(): Uint8Array {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest.length === 0 ? rest : Buffer.concat([rest, NEWLINES]);
  }
}
