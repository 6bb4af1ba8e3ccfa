/**
 * Sorted lines that do not fit into memory, in a temporary file (`TMPDIR`), which has no name from the moment it is made: it
 * goes with the process, however that ends. Written once in runs, read block by block. Without waiting: it is the page
 * cache that is written to and read from, most of the time.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explainFileError } from '../../lib/explain-file-error.ts';
import { type LineBatch, splitBatch } from './line-batch.ts';

/** Of a run that is being read, about so much is in memory, or less where there are many. */
const BLOCK_BYTES = 256 * 1024;
const BLOCK_BYTES_MIN = 4096;

interface Block {
  position: number;
  bytes: number;
  lines: number;
}

/** A sorted sequence of lines in the file. */
export type Run = readonly Block[];

/** Of blocks of about so many runs that are merged, so that all of them together fit into `heldMax`. */
export function blockBytes(heldMax: number, runs: number): number {
  return Math.min(BLOCK_BYTES, Math.max(BLOCK_BYTES_MIN, Math.floor(heldMax / runs)));
}

export class SpillFile implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  #size = 0;

  /** Throws `not_accessible` where no temporary file can be made, with the place. */
  constructor(directory: string = tmpdir()) {
    this.#path = join(directory, `chatlog-${randomUUID()}.tmp`);
    this.#fd = this.#explained(() => openSync(this.#path, 'wx+', 0o600));
    // Where open files cannot be removed, that is done in the end.
    if (process.platform !== 'win32') rmSync(this.#path);
  }

  /** @param blockBytes what of the run is in memory while it is read: see {@link blockBytes} */
  write(batches: Iterable<LineBatch>, blockBytes: number = BLOCK_BYTES): Run {
    const blocks: Block[] = [];
    for (const batch of batches)
      for (const part of splitBatch(batch, blockBytes)) {
        blocks.push({ position: this.#size, bytes: part.bytes.length, lines: part.times.length });
        for (const view of [part.times, part.offsets, part.bytes])
          this.#append(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
        this.#append(new Uint8Array((8 - (this.#size % 8)) % 8));
      }
    return blocks;
  }

  *read(run: Run): Generator<LineBatch, undefined> {
    for (const { position, bytes, lines } of run) {
      const buffer = new ArrayBuffer(lines * 8 + (lines + 1) * 4 + bytes);
      const whole = new Uint8Array(buffer);
      for (let at = 0; at < whole.length; )
        at += readSync(this.#fd, whole, at, whole.length - at, position + at);
      yield {
        times: new Float64Array(buffer, 0, lines),
        offsets: new Uint32Array(buffer, lines * 8, lines + 1),
        bytes: new Uint8Array(buffer, lines * 8 + (lines + 1) * 4, bytes),
      };
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
    if (process.platform === 'win32') rmSync(this.#path, { force: true });
  }

  #append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const from = at;
      at += this.#explained(() => writeSync(this.#fd, bytes, from, bytes.length - from, this.#size + from));
    }
    this.#size += bytes.length;
  }

  #explained<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw explainFileError(error, { name: 'the directory for temporary files (TMPDIR)', path: tmpdir() });
    }
  }
}
