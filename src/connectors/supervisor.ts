/**
 * Runs something again and again: jittered exponential backoff between attempts, never giving up, starting over
 * from the shortest wait once an attempt was up for a while. Trouble stays with the one who is supervised.
 */
import { setTimeout as sleepFor } from 'node:timers/promises';

export interface BackoffOptions {
  minMs: number;
  maxMs: number;
  /** An attempt that was up for so long counts as a success: the next wait is the shortest again. */
  resetAfterMs?: number;
  /** 0 to 1. */
  random?: () => number;
  /** Rejects on abort. */
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds that only ever grow. */
  monotonicMs?: () => number;
}

const RESET_AFTER_MS = 60_000;

/** Waits that grow: between `minMs` and twice as much at first, then doubling up to `maxMs`, always jittered. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Milliseconds to wait before the next attempt; each call counts one failure. */
  nextMs(): number {
    const { minMs, random = Math.random } = this.#options;
    const maxMs = Math.max(minMs, this.#options.maxMs);
    const ceilingMs = Math.min(maxMs, minMs * 2 ** Math.min(++this.#failures, 30));
    return minMs + random() * (ceilingMs - minMs);
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** What an attempt is told and can tell. */
export interface Attempt {
  /** To be called when the attempt has reached what it is for (registered, joined). */
  up(): void;
}

/** What a supervised attempt ended with, on its way into a wait. */
export interface Ending {
  /** Undefined where it returned without an error. */
  error: unknown;
  /** How long will be waited before the next attempt. */
  waitMs: number;
}

/**
 * Runs `attempt` until `signal` aborts; both its return and its error mean "ended, try again". Resolves on abort,
 * after the attempt under way has ended. `ended` is told of every ending and may lengthen the wait.
 */
export async function supervise(
  attempt: (attempt: Attempt, signal: AbortSignal) => Promise<void>,
  options: BackoffOptions & { ended?: (ending: Ending) => number | undefined },
  signal: AbortSignal,
): Promise<void> {
  const { sleep = abortableSleep, monotonicMs = () => performance.now() } = options;
  const resetAfterMs = options.resetAfterMs ?? RESET_AFTER_MS;
  const backoff = new Backoff(options);
  while (!signal.aborted) {
    let upSinceMs = Number.POSITIVE_INFINITY;
    let error: unknown;
    try {
      await attempt({ up: () => (upSinceMs = Math.min(upSinceMs, monotonicMs())) }, signal);
    } catch (thrown) {
      error = thrown;
    }
    if (signal.aborted) return;
    if (monotonicMs() - upSinceMs >= resetAfterMs) backoff.reset();
    const plannedMs = backoff.nextMs();
    const waitMs = options.ended?.({ error, waitMs: plannedMs }) ?? plannedMs;
    await sleep(waitMs, signal).catch(() => undefined);
  }
}

async function abortableSleep(ms: number, signal: AbortSignal): Promise<void> {
  await sleepFor(ms, undefined, { signal });
}
