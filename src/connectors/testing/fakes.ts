/** What a connector works with, for tests: a sink that remembers, a coverage that works like the real one in memory. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BackfillOutcome, CapturedEvent } from '../../event.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ConnectorContext, Coverage, EventSink, Gap } from '../connector.ts';

export class FakeSink implements EventSink {
  readonly pushed: CapturedEvent[] = [];
  duplicates = 0;
  readonly #identities = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #full = false;

  get full(): boolean {
    return this.#full;
  }

  set full(full: boolean) {
    this.#full = full;
    if (!full) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  push(captured: CapturedEvent): boolean {
    if (captured.identity !== '') {
      if (this.#identities.has(captured.identity)) {
        this.duplicates++;
        return false;
      }
      this.#identities.add(captured.identity);
    }
    this.pushed.push(captured);
    return true;
  }

  async drained(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#full) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
  }

  async recorded(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  /** Texts of the messages, in order. */
  texts(channel?: string): string[] {
    return this.pushed
      .filter(({ event }) => event.type === undefined && (channel === undefined || event.channel === channel))
      .map(({ event }) => event.message);
  }

  events(type: string): CapturedEvent['event'][] {
    return this.pushed.map(({ event }) => event).filter((event) => event.type === type);
  }
}

interface Feed {
  throughMs: number;
  heardAtMs?: (() => number) | undefined;
  cause: string;
  gap?: Gap | undefined;
}

export interface ClosedGap extends Gap {
  backfill: BackfillOutcome;
  filled: number;
}

export class FakeCoverage implements Coverage {
  readonly closed: ClosedGap[] = [];
  readonly wantedNow = new Set<string>();
  readonly lostCauses: { channel: string; heardAtMs: number; cause: string }[] = [];
  readonly #feeds = new Map<string, Feed>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  wanted(channel: string): void {
    this.wantedNow.add(channel);
    if (!this.#feeds.has(channel)) this.#feeds.set(channel, { throughMs: this.#now(), cause: 'joining' });
  }

  live(channel: string, heardAtMs: () => number): Gap | undefined {
    const feed = this.#feeds.get(channel)!;
    const wasLive = feed.heardAtMs !== undefined;
    feed.heardAtMs = heardAtMs;
    if (wasLive) return undefined;
    feed.gap = { channel, fromMs: feed.throughMs, toMs: this.#now(), cause: feed.cause };
    return feed.gap;
  }

  lost(channel: string, heardAtMs: number, cause: string): void {
    const feed = this.#feeds.get(channel)!;
    this.lostCauses.push({ channel, heardAtMs, cause });
    feed.heardAtMs = undefined;
    if (!feed.gap) feed.throughMs = Math.max(feed.throughMs, heardAtMs);
    feed.gap = undefined;
    feed.cause = cause;
  }

  closeGap(gap: Gap, backfill: BackfillOutcome, filled: number): void {
    const feed = this.#feeds.get(gap.channel);
    if (!feed || feed.gap !== gap) return;
    feed.gap = undefined;
    feed.throughMs = gap.toMs;
    this.closed.push({ ...gap, backfill, filled });
  }

  unwanted(channel: string): void {
    this.wantedNow.delete(channel);
    this.#feeds.delete(channel);
  }

  /** Until when the channel's feed is known to be alive; undefined while it is not. */
  heardAtMs(channel: string): number | undefined {
    return this.#feeds.get(channel)?.heardAtMs?.();
  }
}

export class FakeLog implements Logger {
  readonly lines: { level: string; fields: object; message: string }[] = [];
  debug(fields: object, message: string): void {
    this.lines.push({ level: 'debug', fields, message });
  }
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
  child(): Logger {
    return this;
  }
}

export interface FakeContext extends ConnectorContext {
  readonly sink: FakeSink;
  readonly coverage: FakeCoverage;
  readonly log: FakeLog;
  parseFailures: number;
  /** What was recalled, and how much had been pushed until then: noted when the recall is over. */
  readonly recalls: { channel: string; sinceMs: number; pushedBefore: number }[];
}

/** A recall lasts for so many turns of the event loop: who does not wait for it has pushed before it is over. */
const RECALL_TURNS = 5;

export function fakeContext(): FakeContext {
  const context: FakeContext = {
    sink: new FakeSink(),
    coverage: new FakeCoverage(),
    log: new FakeLog(),
    recalls: [],
    async recall(channel, sinceMs, signal) {
      for (let turn = 0; turn < RECALL_TURNS; turn++) await nextTurn(undefined, { signal });
      context.recalls.push({ channel, sinceMs, pushedBefore: context.sink.pushed.length });
    },
    parseFailures: 0,
    parseFailure() {
      context.parseFailures++;
    },
    now: Date.now,
  };
  return context;
}
