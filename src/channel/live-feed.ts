/**
 * Lines as the recorder takes them, to whoever looks on. Nobody who looks on can slow the recorder down: each has a buffer of
 * its own, and what does not fit is counted and left out. Where nobody looks on, publishing costs a comparison.
 *
 * Who comes back soon goes on where it was: the latest lines are kept for as long as somebody looks on, and
 * {@link LINGER_MS} after that.
 *
 * Bounds: {@link BUFFER_LINES} and {@link BUFFER_CHARS} for each subscription, {@link RECENT_CHARS} of latest lines. A line is
 * in memory once, however many wait for it.
 */
import { randomBytes } from 'node:crypto';
import type { ChatEvent } from '../event.ts';
import { subjectMatcher, subjectOf } from './subject.ts';

export interface LiveLine {
  /** By which a subscription goes on behind this line: `<feed>-<number>-<ms>`. */
  id: string;
  event: ChatEvent;
  /** As it is recorded, without its line end. */
  line: string;
}

export interface LiveOptions {
  /** Patterns of subjects (`subject.ts`): any of them. */
  subjects: readonly string[];
  matches?: ((event: ChatEvent) => boolean) | undefined;
  /** {@link LiveLine.id} of the line behind which to go on. */
  after?: string | undefined;
}

/** What an id says. */
export interface LivePosition {
  feed: string;
  number: number;
  /** When the line was received, ms since the epoch: where its place in the feed is no longer known. */
  receivedMs: number;
}

const BUFFER_LINES = 5_000;
const BUFFER_CHARS = 2 * 1024 * 1024;
const RECENT_CHARS = 1024 * 1024;
const LINGER_MS = 120_000;

export function parseLiveId(id: string): LivePosition | undefined {
  const match = /^([0-9a-f]{8})-(\d{1,15})-(\d{1,15})$/.exec(id);
  return match ? { feed: match[1]!, number: Number(match[2]), receivedMs: Number(match[3]) } : undefined;
}

export class LiveFeed {
  readonly #subscriptions = new Set<LiveSubscription>();
  /** The latest lines, without a hole between them. */
  #recent: LiveLine[] = [];
  #recentChars = 0;
  /** Another one whenever lines went by that nobody counted. */
  #feed = '';
  #number = 0;
  #receivedMs = 0;
  #forgetting: NodeJS.Timeout | undefined;
  #delivered = 0;
  #dropped = 0;

  /** @param line as it is recorded, with or without its line end */
  publish(event: ChatEvent, line: string): void {
    if (this.#feed === '') return;
    // What came from a history was received at any time.
    if (event.source === undefined)
      this.#receivedMs = Math.max(this.#receivedMs, Date.parse(event.received_at ?? event.timestamp) || 0);
    const published: LiveLine = {
      id: `${this.#feed}-${++this.#number}-${this.#receivedMs}`,
      event,
      line: line.endsWith('\n') ? line.slice(0, -1) : line,
    };
    this.#remember(published);
    if (this.#subscriptions.size === 0) return;
    const subject = subjectOf(event);
    for (const subscription of this.#subscriptions) subscription.offer(published, subject);
  }

  /** From now on or, where `after` is still known, from behind that line. To be closed. */
  subscribe(options: LiveOptions): LiveSubscription {
    clearTimeout(this.#forgetting);
    if (this.#feed === '') {
      this.#feed = randomBytes(4).toString('hex');
      this.#receivedMs = Date.now();
    }
    const missed = this.#missedSince(options.after);
    const subscription = new LiveSubscription(options, missed !== undefined, {
      onDelivered: (lines) => {
        this.#delivered += lines;
      },
      onDropped: () => {
        this.#dropped++;
      },
      onClose: () => this.#leave(subscription),
    });
    this.#subscriptions.add(subscription);
    for (const published of missed ?? []) subscription.offer(published, subjectOf(published.event));
    return subscription;
  }

  /** Since the start. */
  status(): { clients: number; delivered: number; dropped: number } {
    return { clients: this.#subscriptions.size, delivered: this.#delivered, dropped: this.#dropped };
  }

  /** Undefined where that is not known any more. */
  #missedSince(id: string | undefined): LiveLine[] | undefined {
    const position = id === undefined ? undefined : parseLiveId(id);
    if (position?.feed !== this.#feed || position.number > this.#number) return undefined;
    const missed = this.#number - position.number;
    if (missed > this.#recent.length) return undefined;
    return missed === 0 ? [] : this.#recent.slice(-missed);
  }

  #remember(published: LiveLine): void {
    this.#recent.push(published);
    this.#recentChars += published.line.length;
    if (this.#recentChars <= 2 * RECENT_CHARS) return;
    // Half of it at a time: to shift each line would move all others.
    let drop = 0;
    while (this.#recentChars > RECENT_CHARS) this.#recentChars -= this.#recent[drop++]!.line.length;
    this.#recent.splice(0, drop);
  }

  #leave(subscription: LiveSubscription): void {
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size > 0) return;
    clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => {
      this.#feed = '';
      this.#recent = [];
      this.#recentChars = 0;
    }, LINGER_MS).unref();
  }
}

interface SubscriptionEvents {
  onDelivered(lines: number): void;
  onDropped(): void;
  onClose(): void;
}

export class LiveSubscription implements Disposable {
  /** Whether it goes on behind the line that was asked for, without a hole. */
  readonly isResumed: boolean;
  readonly #matchesSubject: (subject: string) => boolean;
  readonly #matches: ((event: ChatEvent) => boolean) | undefined;
  readonly #events: SubscriptionEvents;
  #waiting: LiveLine[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #wake: (() => void) | undefined;

  constructor({ subjects, matches }: LiveOptions, isResumed: boolean, events: SubscriptionEvents) {
    this.isResumed = isResumed;
    this.#matchesSubject = subjectMatcher(subjects);
    this.#matches = matches;
    this.#events = events;
  }

  offer(published: LiveLine, subject: string): void {
    if (!this.wants(published.event, subject)) return;
    // Once something is left out, everything is until the rest was taken: what is dropped stands in one place.
    if (
      this.#dropped > 0 ||
      this.#waiting.length >= BUFFER_LINES ||
      this.#waitingChars + published.line.length > BUFFER_CHARS
    ) {
      this.#dropped++;
      this.#events.onDropped();
    } else {
      this.#waiting.push(published);
      this.#waitingChars += published.line.length;
    }
    this.#wake?.();
  }

  wants(event: ChatEvent, subject = subjectOf(event)): boolean {
    return this.#matchesSubject(subject) && (this.#matches?.(event) ?? true);
  }

  /** What waits, in order; `dropped` lines are missing behind it. */
  take(): { lines: LiveLine[]; dropped: number } {
    const taken = { lines: this.#waiting, dropped: this.#dropped };
    this.#waiting = [];
    this.#waitingChars = 0;
    this.#dropped = 0;
    this.#events.onDelivered(taken.lines.length);
    return taken;
  }

  /** What {@link take} would give. */
  get waiting(): readonly LiveLine[] {
    return this.#waiting;
  }

  get isReady(): boolean {
    return this.#waiting.length > 0 || this.#dropped > 0;
  }

  /** Resolves when something waits, after so long, or when the signal aborts. */
  async ready(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.isReady) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  [Symbol.dispose](): void {
    this.#events.onClose();
  }
}
