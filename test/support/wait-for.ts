/** Waiting in tests: for a condition and with a deadline, never for a fixed time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

export interface WaitOptions {
  /** Given up after so long. */
  timeoutMs?: number;
  /** Pause between two looks. */
  intervalMs?: number;
  /** Says why waiting on makes no sense (the process ended): then it fails at once. */
  hopeless?: () => string | undefined;
  /** Called for the failure message: what else helps to understand it (a log's tail). */
  context?: () => string;
}

/**
 * Calls `probe` until it returns something truthy, and resolves with that. What the probe throws counts as
 * "not yet"; at the deadline the error says what was waited for, what was seen last and what was thrown last.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const { timeoutMs = 15_000, intervalMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const hopeless = options.hopeless?.();
    const lost = hopeless === undefined ? undefined : `${hopeless}, waited`;
    let outcome: string;
    try {
      const seen = await probe();
      if (seen) return seen as Exclude<T, undefined | null | false | 0 | ''>;
      outcome = `last seen: ${inspect(seen, { depth: 4 })}`;
    } catch (error) {
      outcome = `last error: ${inspect(error)}`;
    }
    // Asked before the probe: what was true when hope went still counts.
    const end = lost ?? (performance.now() >= deadline ? `Waited ${timeoutMs} ms` : undefined);
    if (end !== undefined) {
      const context = options.context?.();
      throw new Error(`${end} in vain for: ${what}\n${outcome}${context ? `\n${context}` : ''}`);
    }
    await sleep(intervalMs);
  }
}
