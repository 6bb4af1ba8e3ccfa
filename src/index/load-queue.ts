/** The loader, one transaction at a time, with a deadline, and counting what it does. */
import { abortable } from '../lib/abortable.ts';
import { withinDeadline } from './database/within-deadline.ts';
import type { Loader, LoadOutcome, SegmentChunk } from './loader.ts';

const DEADLINE_MS = 300_000;

export class LoadQueue {
  /** Since the start: lines read, rows that became of them, lines that are none of ours. */
  readonly counts = { lines: 0, inserted: 0, rejected: 0 };
  readonly #loader: Pick<Loader, 'load'>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(loader: Pick<Loader, 'load'>) {
    this.#loader = loader;
  }

  /** In the order in which they were asked for. Rejects at once on abort. */
  async load(chunks: readonly SegmentChunk[], signal: AbortSignal): Promise<LoadOutcome> {
    const mine = this.#turn.then(() => this.#loadNow(chunks, signal));
    this.#turn = mine.catch(() => {});
    return abortable(mine, signal);
  }

  async #loadNow(chunks: readonly SegmentChunk[], signal: AbortSignal): Promise<LoadOutcome> {
    signal.throwIfAborted();
    const outcome = await withinDeadline(DEADLINE_MS, signal, (either) => this.#loader.load(chunks, either));
    this.counts.lines += outcome.lines;
    this.counts.inserted += outcome.inserted;
    this.counts.rejected += outcome.rejected;
    return outcome;
  }
}
