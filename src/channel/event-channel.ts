/**
 * The bounded channel between many connectors and one recorder.
 *
 * Bounded in events and bytes that are not recorded yet, whether they still wait here or already wait for their
 * fdatasync in the recorder. Nothing is dropped: a full channel asks its senders to stop reading their sockets; what
 * they have read already they may still push, so that the bound is exceeded by one read per socket at most.
 */
import type { EventSink } from '../connectors/connector.ts';
import type { CapturedEvent } from '../event.ts';
import { hash32 } from '../lib/hash.ts';
import type { RecentIdentities } from './recent-identities.ts';

export interface EventChannelLimits {
  events: number;
  bytes: number;
}

/** Events taken by the recorder, in the order in which they were pushed. */
export interface Batch {
  events: CapturedEvent[];
  /** Sequence number of the first event; numbers rise by one. */
  firstSequence: number;
}

interface Waiter {
  done(): void;
  isDue(): boolean;
}

export class EventChannel {
  readonly #limits: EventChannelLimits;
  readonly #identities: RecentIdentities;
  #waiting: CapturedEvent[] = [];
  #held = 0;
  #heldBytes = 0;
  #pushed = 0;
  #recorded = 0;
  #duplicates = 0;
  #waiters: Waiter[] = [];
  /** Told on every push: how many events wait. Set by the one reader. */
  onPush: (waiting: number) => void = () => {};

  constructor(limits: EventChannelLimits, identities: RecentIdentities) {
    this.#limits = limits;
    this.#identities = identities;
  }

  /** The channel as the connector of one platform sees it. */
  sink(platform: string): EventSink {
    const scope = hash32(platform);
    const channel = this;
    return {
      push: (captured) => channel.#push(scope, captured),
      get full() {
        return channel.full;
      },
      drained: (signal) => channel.#wait(() => !channel.full, signal),
      recorded: (signal) => {
        const sequence = channel.#pushed;
        return channel.#wait(() => channel.#recorded >= sequence, signal);
      },
    };
  }

  get full(): boolean {
    return this.#held >= this.#limits.events || this.#heldBytes >= this.#limits.bytes;
  }

  /** Events and (about) bytes pushed and not recorded yet. */
  get held(): { events: number; bytes: number } {
    return { events: this.#held, bytes: this.#heldBytes };
  }

  get duplicates(): number {
    return this.#duplicates;
  }

  /** Marks an event of an earlier run as seen. */
  remember(platform: string, identity: string): void {
    if (identity !== '') this.#identities.add(hash32(platform), identity);
  }

  /** Everything that waits. The reader gives each event back by {@link release}, in whatever order. */
  take(): Batch {
    const events = this.#waiting;
    this.#waiting = [];
    return { events, firstSequence: this.#pushed - events.length + 1 };
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** The reader is done with events: recorded, or not to be recorded at all. `bytes` as {@link heldBytes} counts them. */
  release(events: number, bytes: number): void {
    this.#held -= events;
    this.#heldBytes -= bytes;
    this.#wake();
  }

  /** Everything up to and including this sequence number is recorded. */
  recordedThrough(sequence: number): void {
    this.#recorded = sequence;
    this.#wake();
  }

  #push(scope: number, captured: CapturedEvent): boolean {
    if (captured.identity !== '' && !this.#identities.add(scope, captured.identity)) {
      this.#duplicates++;
      return false;
    }
    this.#held++;
    this.#heldBytes += heldBytes(captured);
    this.#pushed++;
    this.onPush(this.#waiting.push(captured));
    return true;
  }

  #wait(isDue: () => boolean, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (isDue()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        isDue,
        done() {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #wake(): void {
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => waiter.isDue());
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const waiter of due) waiter.done();
  }
}

/** What an event costs beside its text: objects and strings of their own. */
const EVENT_BYTES = 512;

/** What an event counts for against the bound: about what it costs to hold it. */
export function heldBytes({ event, wireChars }: CapturedEvent): number {
  return (
    EVENT_BYTES +
    (wireChars ?? event.message.length + (event.raw?.length ?? 0)) +
    (event.raw_base64?.length ?? 0)
  );
}
