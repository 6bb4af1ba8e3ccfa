/**
 * JOIN lines at a pace that servers do not take for a flood: a burst at first, then one per interval.
 * One per connection.
 */
const BURST = 10;

export interface JoinThrottleOptions {
  intervalMs: number;
  /** Sends the JOIN of a channel. */
  send(channel: string): void;
  monotonicMs?: () => number;
}

export class JoinThrottle implements Disposable {
  readonly #options: JoinThrottleOptions;
  readonly #monotonicMs: () => number;
  readonly #waiting = new Set<string>();
  /** As many JOINs as may go at once, as of `#countedAtMs`; fractions grow into whole ones. */
  #tokens = BURST;
  #countedAtMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: JoinThrottleOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#countedAtMs = this.#monotonicMs();
  }

  add(channel: string): void {
    this.#waiting.add(channel);
    this.#schedule(0);
  }

  remove(channel: string): void {
    this.#waiting.delete(channel);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #schedule(waitMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#send();
    }, waitMs);
  }

  #send(): void {
    const { intervalMs, send } = this.#options;
    const nowMs = this.#monotonicMs();
    const grown = intervalMs === 0 ? Number.POSITIVE_INFINITY : (nowMs - this.#countedAtMs) / intervalMs;
    this.#tokens = Math.min(intervalMs === 0 ? grown : BURST, this.#tokens + grown);
    this.#countedAtMs = nowMs;
    for (const channel of this.#waiting) {
      if (this.#tokens < 1) break;
      this.#tokens -= 1;
      this.#waiting.delete(channel);
      send(channel);
    }
    if (this.#waiting.size > 0) this.#schedule((1 - this.#tokens) * intervalMs);
  }
}
