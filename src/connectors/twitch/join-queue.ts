/**
 * JOINs waiting for their turn, shared by all connections: Twitch counts them per account and address, 20 per 10 s,
 * each channel for itself (2,000 for verified bots). What may go at once goes together, as `JOIN #a,#b`.
 */

/** A connection as the queue sees it. */
export interface JoinTarget {
  readonly id: string;
  send(line: string): void;
}

export interface JoinQueueOptions {
  /** Channels per window. */
  budget: number;
  windowMs?: number;
  /** A JOIN has left. */
  sent(channel: string, target: JoinTarget): void;
  monotonicMs?: () => number;
}

/** RFC 1459 allows 510 bytes and the line end. */
const LINE_BYTES_MAX = 500;

/** Twitch's window, and something for the way there: counted there, two windows must not touch. */
const WINDOW_MS = 10_500;

export class JoinQueue implements Disposable {
  readonly #options: JoinQueueOptions;
  readonly #windowMs: number;
  readonly #monotonicMs: () => number;
  readonly #waiting = new Map<string, JoinTarget>();
  /** When the last JOINs left, oldest first; at most `budget` of them. */
  #leftAtMs: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: JoinQueueOptions) {
    this.#options = options;
    this.#windowMs = options.windowMs ?? WINDOW_MS;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** A channel waits once: added again it keeps its place and changes its connection. */
  add(channel: string, target: JoinTarget): void {
    this.#waiting.set(channel, target);
    this.#schedule(0);
  }

  remove(channel: string): void {
    this.#waiting.delete(channel);
  }

  /** The connection is gone, and with it what waited for it. */
  removeTarget(id: string): void {
    for (const [channel, target] of this.#waiting) if (target.id === id) this.#waiting.delete(channel);
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
    const nowMs = this.#monotonicMs();
    this.#leftAtMs = this.#leftAtMs.filter((leftMs) => nowMs - leftMs < this.#windowMs);
    const free = this.#options.budget - this.#leftAtMs.length;
    for (const [target, channels] of byTarget([...this.#waiting].slice(0, Math.max(0, free)))) {
      for (const line of joinLines(channels)) target.send(line);
      for (const channel of channels) {
        this.#waiting.delete(channel);
        this.#leftAtMs.push(nowMs);
        this.#options.sent(channel, target);
      }
    }
    if (this.#waiting.size > 0)
      this.#schedule(Math.max(1, this.#windowMs - (nowMs - (this.#leftAtMs[0] ?? nowMs))));
  }
}

function byTarget(entries: [channel: string, target: JoinTarget][]): Map<JoinTarget, string[]> {
  const groups = new Map<JoinTarget, string[]>();
  for (const [channel, target] of entries) {
    const channels = groups.get(target);
    if (channels) channels.push(channel);
    else groups.set(target, [channel]);
  }
  return groups;
}

/** As few lines as may be, each of at most 500 bytes. */
export function joinLines(channels: readonly string[]): string[] {
  const lines: string[] = [];
  let line = '';
  for (const channel of channels) {
    const longer = line === '' ? `JOIN #${channel}` : `${line},#${channel}`;
    if (line !== '' && longer.length > LINE_BYTES_MAX) {
      lines.push(line);
      line = `JOIN #${channel}`;
    } else {
      line = longer;
    }
  }
  return line === '' ? lines : [...lines, line];
}
