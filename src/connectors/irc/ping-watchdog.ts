/**
 * Tells a dead socket from a quiet one: after some silence it asks with a PING, and gives up when then nothing
 * comes. Bytes of any kind are an answer.
 */
export interface PingWatchdogOptions {
  /** An own PING is sent when nothing came for so long... */
  pingAfterMs: number;
  /** ...and the connection given up when then nothing comes for so long. */
  pingTimeoutMs: number;
  ping(): void;
  giveUp(): void;
}

export class PingWatchdog implements Disposable {
  readonly #options: PingWatchdogOptions;
  readonly #timer: NodeJS.Timeout;
  #quietSinceMs = performance.now();
  #pingedAtMs: number | undefined;
  #suspended = false;

  constructor(options: PingWatchdogOptions) {
    this.#options = options;
    const shortestMs = Math.min(options.pingAfterMs, options.pingTimeoutMs);
    this.#timer = setInterval(() => this.#look(), Math.min(1000, Math.max(10, shortestMs / 4)));
  }

  /** Bytes came. */
  heard(): void {
    this.#quietSinceMs = performance.now();
    this.#pingedAtMs = undefined;
  }

  /** Nothing is read now, by our own will: silence means nothing. */
  suspend(): void {
    this.#suspended = true;
  }

  resume(): void {
    this.#suspended = false;
    this.heard();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#pingedAtMs = undefined;
  }

  #look(): void {
    if (this.#suspended) return;
    const nowMs = performance.now();
    const { pingAfterMs, pingTimeoutMs } = this.#options;
    if (this.#pingedAtMs === undefined) {
      if (nowMs - this.#quietSinceMs < pingAfterMs) return;
      this.#pingedAtMs = nowMs;
      this.#options.ping();
    } else if (nowMs - this.#pingedAtMs >= pingTimeoutMs) {
      // After a stall of this process the answer may lie unread in the socket: look once more after reading.
      setImmediate(() => {
        if (this.#pingedAtMs !== undefined && !this.#suspended) this.#options.giveUp();
      });
    }
  }
}
