/**
 * Gathers chunks of many segments into transactions: hundreds of files with a few lines each become one. A segment's
 * chunks are added, and go, in their order. At most two batches are under way while a third is being filled.
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

/** While the rows of one batch go to the database, the lines of the next are read. */
const IN_FLIGHT_MAX = 2;

export class ChunkBatch {
  readonly #options: BatchOptions;
  #pieces: BatchPiece[] = [];
  #lines = 0;
  #bytes = 0;
  /** None of them rejects. */
  readonly #inFlight = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  constructor(options: BatchOptions) {
    this.#options = options;
  }

  /** Waits where too much is under way. Rejects with what loading an earlier one failed with. */
  async add(piece: BatchPiece, signal: AbortSignal): Promise<void> {
    const { chunk } = piece;
    while (!this.#hasRoom(chunk)) await this.#send(signal);
    this.#pieces.push(piece);
    this.#lines += chunk.lines.length;
    this.#bytes += bytesOf(chunk);
  }

  /** Resolves when everything that was added is loaded. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#send(signal);
    await Promise.all(this.#inFlight);
    this.#requireNoFailure();
  }

  async #send(signal: AbortSignal): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
    // What is under way ends first, so that whoever tries again meets none of it.
    if (this.#failure) await Promise.all(this.#inFlight);
    this.#requireNoFailure();
    const pieces = this.#pieces;
    if (pieces.length === 0) return;
    this.#pieces = [];
    this.#lines = 0;
    this.#bytes = 0;
    const loading = this.#load(pieces, signal)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#inFlight.delete(loading));
    this.#inFlight.add(loading);
  }

  #requireNoFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #hasRoom(chunk: SegmentChunk): boolean {
    const { linesMax, bytesMax } = this.#options;
    if (this.#pieces.length === 0) return true;
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
