/**
 * How loud failures of uploads are: the first is told at once, repeated ones rarely, and the end of it with how long it
 * took. What a person has to put right is an error, the rest a warning; either way it is retried for ever.
 */
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';

const REPEAT_MS = 15 * 60_000;
const FAILING_MAX = 1000;
const NEEDS_A_PERSON: ReadonlySet<string> = new Set([
  'access_denied',
  'bucket_missing',
  'wrong_region',
  'tls_error',
  'storage_full',
  'key_taken',
]);

export class FailureLog {
  readonly #log: Logger;
  readonly #store: string;
  readonly #monotonic: () => number;
  #failures = 0;
  /** Files that failed and have not succeeded since. */
  #failing = new Set<string>();
  #sinceMs = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(log: Logger, store: string, monotonic: () => number) {
    this.#log = log;
    this.#store = store;
    this.#monotonic = monotonic;
  }

  failed(file: string, error: unknown): void {
    const nowMs = this.#monotonic();
    if (this.#failures === 0) this.#sinceMs = nowMs;
    this.#failures++;
    if (this.#failing.size < FAILING_MAX) this.#failing.add(file);
    if (nowMs - this.#toldMs < REPEAT_MS) return;
    this.#toldMs = nowMs;
    const { code, hint } = error instanceof ChatlogError ? error : { code: undefined, hint: undefined };
    const fields = {
      store: this.#store,
      file,
      code,
      hint,
      failures: this.#failures,
      failingForSeconds: Math.round((nowMs - this.#sinceMs) / 1000),
      err: errorText(error),
    };
    const level = NEEDS_A_PERSON.has(code ?? '') ? 'error' : 'warn';
    this.#log[level](fields, 'an upload failed; nothing is lost, it is tried again until it succeeds');
  }

  succeeded(file: string): void {
    // One bad file among good ones is not over because another succeeded.
    const isOver = this.#failing.size > 1 || this.#failing.has(file);
    if (!isOver) return;
    const failedForSeconds = Math.round((this.#monotonic() - this.#sinceMs) / 1000);
    this.#log.info({ store: this.#store, failures: this.#failures, failedForSeconds }, 'uploads work again');
    this.#failures = 0;
    this.#failing.clear();
    this.#toldMs = Number.NEGATIVE_INFINITY;
  }
}
