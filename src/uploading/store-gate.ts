/**
 * Who may try when. A segment that failed waits by itself, ever longer; others go on. When two different segments failed
 * and none succeeded in between, the storage itself counts as down: then everybody waits while one segment after the
 * other probes it, ever more rarely, and at the first success all go on.
 *
 * Never gives up. Bounded: the waiting times of 4,096 segments are remembered, those forgotten may be tried at once.
 */
import pRetry from 'p-retry';
import { abortable } from '../lib/abortable.ts';

export interface StoreGateOptions {
  minMs: number;
  maxMs: number;
  monotonic: () => number;
  random: () => number;
  /** Tries one segment, also one that waits; rejects where it failed. */
  probe: (signal: AbortSignal) => Promise<void>;
}

interface Waiting {
  failures: number;
  untilMs: number;
}

const WAITING_MAX = 4096;

export class StoreGate {
  readonly #options: StoreGateOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #failedInARow = new Set<string>();
  #recovery: Promise<void> | undefined;

  constructor(options: StoreGateOptions) {
    this.#options = options;
  }

  /** The storage counts as down. */
  get isClosed(): boolean {
    return this.#recovery !== undefined;
  }

  /** Returns once the storage does not count as down. Rejects with the signal's reason on abort. */
  async passable(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    while (this.isClosed) await abortable(this.#recovery!, signal);
  }

  mayTry(file: string): boolean {
    const waiting = this.#waiting.get(file);
    return waiting === undefined || waiting.untilMs <= this.#options.monotonic();
  }

  /** Milliseconds until the next segment's waiting ends; undefined where none waits. */
  nextMs(): number | undefined {
    const nowMs = this.#options.monotonic();
    let next: number | undefined;
    for (const { untilMs } of this.#waiting.values()) {
      if (untilMs > nowMs) next = Math.min(next ?? Number.POSITIVE_INFINITY, untilMs - nowMs);
    }
    return next;
  }

  succeeded(file: string): void {
    this.#waiting.delete(file);
    this.#failedInARow.clear();
  }

  failed(file: string, error: Error, signal: AbortSignal): void {
    const { minMs, maxMs, monotonic, random } = this.#options;
    const failures = (this.#waiting.get(file)?.failures ?? 0) + 1;
    const delayMs = Math.min(maxMs, minMs * 2 ** Math.min(failures - 1, 30) * (1 + random()));
    this.#waiting.delete(file);
    this.#waiting.set(file, { failures, untilMs: monotonic() + delayMs });
    if (this.#waiting.size > WAITING_MAX) this.#waiting.delete(this.#waiting.keys().next().value!);
    if (this.#failedInARow.size < 2) this.#failedInARow.add(file);
    if (this.#failedInARow.size < 2 || this.isClosed) return;
    this.#recovery = this.#recover(error, signal);
    // Those who wait for it hear of its failure; there may be nobody at the moment.
    this.#recovery.catch(() => {});
  }

  async #recover(error: Error, signal: AbortSignal): Promise<void> {
    const { minMs, maxMs, probe } = this.#options;
    // What closed the gate counts as the first attempt: the first probe comes after a pause.
    const attempt = (number: number): Promise<void> => (number === 1 ? Promise.reject(error) : probe(signal));
    try {
      await pRetry(attempt, {
        retries: Number.POSITIVE_INFINITY,
        factor: 2,
        minTimeout: minMs,
        maxTimeout: maxMs,
        randomize: true,
        signal,
      });
      // They waited because of the storage, not because of themselves.
      this.#waiting.clear();
    } catch (stopped) {
      signal.throwIfAborted();
      throw stopped;
    } finally {
      this.#failedInARow.clear();
      this.#recovery = undefined;
    }
  }
}
