/**
 * The channels of one connector: each one's state, since when, and what is due. The only place where the coverage is
 * told of feeds coming and going, so that what the state says and what the coverage knows cannot part ways.
 */
import type { ChannelFeed, FeedEvent } from './channel-feed.ts';
import { channelState, liveOn, nextFeed, pendingOn } from './channel-feed.ts';
import type { ChannelSpec, ChannelStatus, Coverage, Gap } from './connector.ts';
import { Backoff, type BackoffOptions } from './supervisor.ts';

export interface ChannelRecord {
  readonly name: string;
  readonly key: string | undefined;
  feed: ChannelFeed;
  /** Since when in this state, ms since the epoch. */
  sinceMs: number;
  /** When the outstanding JOIN left; monotonic. */
  sentAtMs: number;
  /** When `limit` or `retrying` ends; monotonic. */
  dueAtMs: number;
  /** When its feed became certain; monotonic. */
  liveAtMs: number;
  readonly backoff: Backoff;
}

export interface ChannelTableOptions {
  coverage: Coverage;
  /** Waits between attempts to join one channel. */
  backoff: BackoffOptions;
  /** How long `limit` lasts. */
  limitMs: number;
  /** When the connection last heard anything, ms since the epoch. */
  heardAtMs(connection: string): number;
  /** The feed is certain again and what was missed has to be filled. */
  gap(gap: Gap): void;
  /** Milliseconds since the epoch. */
  now(): number;
  monotonicMs?: () => number;
}

/** A stay of this length was a success. */
const LASTING_MS = 60_000;

export class ChannelTable {
  readonly #options: ChannelTableOptions;
  readonly #monotonicMs: () => number;
  readonly #records = new Map<string, ChannelRecord>();

  constructor(options: ChannelTableOptions) {
    this.#options = options;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  get size(): number {
    return this.#records.size;
  }

  get(name: string): ChannelRecord | undefined {
    return this.#records.get(name);
  }

  values(): MapIterator<ChannelRecord> {
    return this.#records.values();
  }

  /**
   * The channels that are to be recorded. Returns what came (not yet joined) and what went. A channel that is still
   * wanted keeps its state, except that a final refusal is tried anew: somebody looked at the configuration. `rejoin`
   * names one that goes and comes.
   */
  set(specs: readonly ChannelSpec[], rejoin?: string): { added: ChannelRecord[]; removed: ChannelRecord[] } {
    const wanted = new Map(specs.map((spec) => [spec.name, spec]));
    const removed = [...this.#records.values()].filter(
      ({ name, key }) => !wanted.has(name) || wanted.get(name)!.key !== key || name === rejoin,
    );
    for (const record of removed) {
      const cause = record.name === rejoin ? 'rejoined on request' : 'channel key changed';
      this.#remove(record, wanted.has(record.name) ? cause : undefined);
    }
    const added: ChannelRecord[] = [];
    for (const spec of wanted.values()) {
      const known = this.#records.get(spec.name);
      if (!known) added.push(this.#add(spec));
      else if (isFinal(known.feed)) added.push(this.#retry(known));
    }
    return { added, removed };
  }

  /** Lets something happen to a channel; false where it changed nothing (or the channel is not ours). */
  apply(name: string, event: FeedEvent): boolean {
    const record = this.#records.get(name);
    if (!record) return false;
    const before = record.feed;
    const after = nextFeed(before, event);
    if (after === before) return false;
    record.feed = after;
    if (channelState(before) !== channelState(after)) record.sinceMs = this.#options.now();
    if (event.event === 'sent') record.sentAtMs = this.#monotonicMs();
    if (after.state === 'limit') record.dueAtMs = this.#monotonicMs() + this.#options.limitMs;
    if (after.state === 'retrying') record.dueAtMs = this.#monotonicMs() + this.#retryWaitMs(record, before);
    if (liveOn(before) === undefined) record.liveAtMs = this.#monotonicMs();
    this.#tellCoverage(record, liveOn(before), causeOf(event));
    return true;
  }

  /** A connection ended: everything that depended on it falls back. Returns the channels that changed. */
  connectionLost(on: string, cause: string): ChannelRecord[] {
    return [...this.#records.values()].filter((record) =>
      this.apply(record.name, { event: 'lost', on, cause }),
    );
  }

  /** Channels whose pause is over. */
  due(): ChannelRecord[] {
    const nowMs = this.#monotonicMs();
    return [...this.#records.values()].filter(
      ({ feed, dueAtMs }) => (feed.state === 'limit' || feed.state === 'retrying') && dueAtMs <= nowMs,
    );
  }

  /** Channels whose JOIN has not been confirmed for so long. */
  overdue(timeoutMs: number): ChannelRecord[] {
    const nowMs = this.#monotonicMs();
    return [...this.#records.values()].filter(
      ({ feed, sentAtMs }) => pendingOn(feed) !== undefined && nowMs - sentAtMs >= timeoutMs,
    );
  }

  statuses(): ChannelStatus[] {
    return [...this.#records.values()].map(({ name, feed, sinceMs }) => ({
      channel: name,
      state: channelState(feed),
      ...('reason' in feed && feed.reason !== undefined ? { reason: feed.reason } : {}),
      sinceMs,
    }));
  }

  /** A channel that threw us out soon after the join is not pestered: only a lasting stay starts the backoff over. */
  #retryWaitMs(record: ChannelRecord, before: ChannelFeed): number {
    const wasLiveMs = liveOn(before) === undefined ? 0 : this.#monotonicMs() - record.liveAtMs;
    if (wasLiveMs >= LASTING_MS) record.backoff.reset();
    return record.backoff.nextMs();
  }

  #add(spec: ChannelSpec): ChannelRecord {
    const record: ChannelRecord = {
      name: spec.name,
      key: spec.key,
      feed: { state: 'queued' },
      sinceMs: this.#options.now(),
      sentAtMs: 0,
      dueAtMs: 0,
      liveAtMs: 0,
      backoff: new Backoff(this.#options.backoff),
    };
    this.#records.set(spec.name, record);
    this.#options.coverage.wanted(spec.name);
    return record;
  }

  #retry(record: ChannelRecord): ChannelRecord {
    record.feed = { state: 'queued' };
    record.sinceMs = this.#options.now();
    return record;
  }

  /** `rejoined` says why it is joined anew, where it is still to be recorded. */
  #remove(record: ChannelRecord, rejoined: string | undefined): void {
    this.#records.delete(record.name);
    const live = liveOn(record.feed);
    if (rejoined === undefined) this.#options.coverage.unwanted(record.name);
    else if (live !== undefined) {
      this.#options.coverage.lost(record.name, this.#options.heardAtMs(live), rejoined);
    }
  }

  #tellCoverage(record: ChannelRecord, before: string | undefined, cause: string): void {
    const { coverage, heardAtMs } = this.#options;
    const after = liveOn(record.feed);
    if (after === before) return;
    if (after === undefined) {
      coverage.lost(record.name, heardAtMs(before!), cause);
      return;
    }
    const gap = coverage.live(record.name, () => heardAtMs(after));
    if (gap) this.#options.gap(gap);
  }
}

function isFinal(feed: ChannelFeed): boolean {
  return feed.state === 'banned' || feed.state === 'suspended' || feed.state === 'not_found';
}

function causeOf(event: FeedEvent): string {
  if ('cause' in event) return event.cause;
  return 'reason' in event ? event.reason : '';
}
