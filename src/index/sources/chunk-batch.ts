/**
 * Gathers chunks of many segments into transactions: hundreds of files with a few lines each become one. At most one
 * batch is being filled while one is being loaded; a segment's chunks go in their order, one per transaction.
 *
 * A chunk that the database refuses for what is in it must not stop the others: it is tried alone and, refused again,
 * given back ({@link BatchPiece.refused}). Any other failure is the caller's: nothing of the batch counts as loaded.
 */
import { ChatlogError } from '../../lib/errors.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import type { LoadOutcome, SegmentChunk } from '../loader.ts';

export interface BatchPiece {
  chunk: SegmentChunk;
  /** Its lines and its ledger are in the database. */
  loaded(): void;
  /** The ledger stands elsewhere: somebody else loads this segment, too. */
  stale(): void;
  refused(error: unknown): void;
}

export interface BatchOptions {
  load(chunks: readonly SegmentChunk[], signal: AbortSignal): Promise<LoadOutcome>;
  /** Lines and bytes of one transaction, about. */
  linesMax: number;
  bytesMax: number;
}

export class ChunkBatch {
  readonly #options: BatchOptions;
  #pieces = new Map<string, BatchPiece>();
  #lines = 0;
  #bytes = 0;
  #loading: Promise<void> = Promise.resolve();

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  /** Waits where the batch is full. Rejects with what loading an earlier one failed with. */
  async add(piece: BatchPiece, signal: AbortSignal): Promise<void> {
    const { chunk } = piece;
    const name = `${chunk.source} ${chunk.name}`;
    while (this.#pieces.has(name) || !this.#hasRoom(chunk)) await this.flush(signal);
    this.#pieces.set(name, piece);
    this.#lines += chunk.lines.length;
    this.#bytes += bytesOf(chunk);
  }

  /** Loads what was gathered. */
  async flush(signal: AbortSignal): Promise<void> {
    const earlier = this.#loading;
    const mine = Promise.withResolvers<void>();
    mine.promise.catch(() => {});
    this.#loading = mine.promise;
    try {
      await earlier;
      const pieces = [...this.#pieces.values()];
      this.#pieces = new Map();
      this.#lines = 0;
      this.#bytes = 0;
      if (pieces.length > 0) await this.#load(pieces, signal);
      mine.resolve();
    } catch (error) {
      mine.reject(error);
      throw error;
    }
  }

  #hasRoom(chunk: SegmentChunk): boolean {
    const { linesMax, bytesMax } = this.#options;
    if (this.#pieces.size === 0) return true;
    return this.#lines + chunk.lines.length <= linesMax && this.#bytes + bytesOf(chunk) <= bytesMax;
  }

  async #load(pieces: readonly BatchPiece[], signal: AbortSignal): Promise<void> {
    try {
      const outcome = await this.#options.load(
        pieces.map(({ chunk }) => chunk),
        signal,
      );
      const stale = new Set(outcome.stale.map(({ source, name }) => `${source} ${name}`));
      for (const piece of pieces) {
        if (stale.has(`${piece.chunk.source} ${piece.chunk.name}`)) piece.stale();
        else piece.loaded();
      }
    } catch (error) {
      if (signal.aborted || !isRefusal(error)) throw error;
      if (pieces.length === 1) pieces[0]!.refused(error);
      else for (const piece of pieces) await this.#load([piece], signal);
    }
  }
}

function bytesOf({ lines }: SegmentChunk): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}

/** Data that the database cannot take (SQLSTATE classes 21 to 23) or the loader cannot understand; trying again is in vain. */
function isRefusal(error: unknown): boolean {
  if (error instanceof ChatlogError) return false;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return true;
  return /^2[123][0-9A-Z]{3}$/.test(systemErrorCode(error) ?? '');
}
