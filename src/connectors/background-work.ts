/**
 * Work that a connector does beside its connections (filling gaps): begun at any time while it runs, ended by its
 * abort, never in the way of anything else.
 */
export class BackgroundWork {
  readonly #failed: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  #signal: AbortSignal | undefined;

  /** @param failed is told of errors; not of those that the abort brings. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** From now on work may begin; `signal` ends it. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** Does nothing before {@link start} and after the abort. */
  begin(work: (signal: AbortSignal) => Promise<void>): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const running = work(signal).catch((error) => {
      if (!signal.aborted) this.#failed(error);
    });
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  /** Resolves when all work has ended (after the abort). */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}
