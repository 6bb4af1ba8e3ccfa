import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for the work, but not for longer than so many milliseconds. Rejects as the work does. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const slept = sleep(ms, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([work, slept]).finally(() => timer.abort());
}
