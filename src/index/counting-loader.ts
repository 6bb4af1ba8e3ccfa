/** The loader with a deadline, counting what it does. */
import { withinDeadline } from './database/within-deadline.ts';
import type { Loader, LoadOutcome, SegmentChunk } from './loader.ts';

const DEADLINE_MS = 300_000;

export class CountingLoader {
  /** Since the start: lines read, rows that became of them, lines that are none of ours. */
  readonly counts = { lines: 0, inserted: 0, rejected: 0 };
  readonly #loader: Pick<Loader, 'load'>;

  constructor(loader: Pick<Loader, 'load'>) {
    this.#loader = loader;
  }

  /** Rejects at once on abort. */
  async load(chunks: readonly SegmentChunk[], signal: AbortSignal): Promise<LoadOutcome> {
    const outcome = await withinDeadline(DEADLINE_MS, signal, (either) => this.#loader.load(chunks, either));
    this.counts.lines += outcome.lines;
    this.counts.inserted += outcome.inserted;
    this.counts.rejected += outcome.rejected;
    return outcome;
  }
}
