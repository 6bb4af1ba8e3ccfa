/** Writing to a socket in pieces: what a network does to a stream of lines, on demand. */
import type { Writable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** How bytes are cut on their way out. */
export interface Chunking {
  /** Length of the next piece, at least 1. */
  nextBytes(): number;
  /** Pause after each piece. */
  delayMs: number;
}

/** Pieces of 1 to `maxBytes`, the same ones for the same seed. */
export function randomChunks(seed: number, maxBytes: number): Chunking {
  let state = seed >>> 0;
  const random = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { nextBytes: () => 1 + Math.floor(random() * maxBytes), delayMs: 0 };
}

/** Equal pieces with a pause after each: a slow line. */
export function slowDrip(bytes: number, delayMs: number): Chunking {
  return { nextBytes: () => bytes, delayMs };
}

/** Writes bytes in order, in pieces where `chunking()` says so at that moment. */
export class ChunkedWriter {
  readonly #out: Writable;
  readonly #chunking: () => Chunking | undefined;
  #waiting: Buffer[] = [];
  #pumping = false;

  constructor(out: Writable, chunking: () => Chunking | undefined) {
    this.#out = out;
    this.#chunking = chunking;
  }

  write(bytes: Buffer): void {
    if (!this.#out.writable) return;
    if (!this.#pumping && this.#chunking() === undefined) {
      this.#out.write(bytes);
      return;
    }
    this.#waiting.push(bytes);
    if (!this.#pumping) void this.#pump();
  }

  /** Bytes that were not taken by the network yet. */
  get backlogBytes(): number {
    return this.#waiting.reduce((sum, bytes) => sum + bytes.length, this.#out.writableLength);
  }

  async #pump(): Promise<void> {
    this.#pumping = true;
    while (this.#waiting.length > 0 && this.#out.writable) {
      const chunking = this.#chunking();
      const all = Buffer.concat(this.#waiting);
      const length = Math.min(chunking?.nextBytes() ?? all.length, all.length);
      this.#waiting = length < all.length ? [all.subarray(length)] : [];
      this.#out.write(all.subarray(0, length));
      await (chunking?.delayMs ? sleep(chunking.delayMs) : nextTurn());
    }
    this.#waiting = [];
    this.#pumping = false;
  }
}
