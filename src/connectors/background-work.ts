/**
 * Work that a connector does for its channels beside its connections (filling gaps): begun at any time while it runs,
 * ended by its abort or with its channel, never in the way of anything else.
 */
export class BackgroundWork {
  readonly #failed: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  /** What ends the work of a channel; a channel that had none yet is missing. */
  readonly #cancels = new Map<string, AbortController>();
  #signal: AbortSignal | undefined;

  /** @param failed is told of errors; not of those that an abort brings. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** From now on work may begin; `signal` ends it. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** Does nothing before {@link start} and after the abort. */
  begin(channel: string, work: (signal: AbortSignal) => Promise<void>): void {
    if (!this.#signal || this.#signal.aborted) return;
    const cancel = this.#cancels.get(channel) ?? new AbortController();
    this.#cancels.set(channel, cancel);
    const signal = AbortSignal.any([this.#signal, cancel.signal]);
    const running = work(signal).catch((error) => {
      if (!signal.aborted) this.#failed(error);
    });
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  /** Aborts what is under way for the channel: it is no longer wanted. */
  cancel(channel: string): void {
    this.#cancels.get(channel)?.abort(new Error(`${channel} is no longer recorded`));
    this.#cancels.delete(channel);
  }

  /** Resolves when all work has ended (after the abort). */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }
}
