/** Work that goes on for ever: with a pause between its rounds, and after a failure again, later and later. */
import { setTimeout as sleep } from 'node:timers/promises';
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

export interface Trouble {
  error: string;
  /** Milliseconds since the epoch. */
  sinceMs: number;
}

export interface KeepTryingOptions {
  /** What it does, in a sentence: `follow the recorded lines`. */
  task: string;
  /** One round; resolves with the pause after it, ms. */
  round(signal: AbortSignal): Promise<number>;
  /** Told of the first failure and each later one; of undefined when a round succeeded again. */
  onTrouble(trouble: Trouble | undefined): void;
  log: Logger;
  now(): number;
  random(): number;
}

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 30_000;

/** Until aborted; never rejects. A failure is logged once, however often it is tried again. */
export async function keepTrying(options: KeepTryingOptions, signal: AbortSignal): Promise<void> {
  const { task, round, onTrouble, log, now, random } = options;
  let failures = 0;
  let sinceMs = 0;
  while (!signal.aborted) {
    let pauseMs: number;
    try {
      pauseMs = await abortable(round(signal), signal);
      if (failures > 0) {
        log.info({ task, seconds: Math.round((now() - sinceMs) / 1000) }, `can ${task} again`);
        onTrouble(undefined);
      }
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (failures++ === 0) {
        sinceMs = now();
        const hint = error instanceof ChatlogError ? error.hint : undefined;
        log.warn(
          { task, err: errorText(error), hint },
          `cannot ${task}; recording goes on, tried again until it can`,
        );
      }
      onTrouble({ error: errorText(error), sinceMs });
      pauseMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures, 16)) * (0.5 + random() / 2);
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
  }
}
