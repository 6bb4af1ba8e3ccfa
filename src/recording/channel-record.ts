/** What the recorder knows of one channel: its policy, its open segments, its figures. */
import type { EventType } from '../event.ts';
import { encodeName } from '../segment-name.ts';
import type { OpenSegment } from './open-segment.ts';
import type { ChannelPolicy } from './recording-policy.ts';

export class ChannelRecord {
  readonly platform: string;
  readonly channel: string;
  /** The names as they stand in file names. */
  readonly encodedPlatform: string;
  readonly encodedChannel: string;
  policy: ChannelPolicy;
  /** Where the next line of a window goes, by its start. Usually one; more while lines of other hours come in. */
  readonly segments = new Map<number, OpenSegment>();
  readonly counts = new Map<EventType, number>();
  sampledOut = 0;
  /** Presence dropped because the disk is nearly full, since {@link shedFromMs}; becomes a gap line. */
  shed = 0;
  shedFromMs = 0;
  shedTotal = 0;
  /** Wall clock, ms; 0 = never. */
  lastLineAtMs = 0;
  /** How much later than the platform's own time the last live line arrived. */
  lagMs: number | undefined;
  #minute = 0;
  #thisMinute = 0;
  #lastMinute = 0;

  constructor(platform: string, channel: string, policy: ChannelPolicy) {
    this.platform = platform;
    this.channel = channel;
    this.encodedPlatform = encodeName(platform);
    this.encodedChannel = encodeName(channel);
    this.policy = policy;
  }

  count(type: EventType, nowMs: number): void {
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
    this.lastLineAtMs = nowMs;
    this.#turnMinute(nowMs);
    this.#thisMinute++;
  }

  /** Lines in the last 60 seconds, estimated from this minute and the one before. */
  linesPerMinute(nowMs: number): number {
    this.#turnMinute(nowMs);
    const passed = (nowMs % 60_000) / 60_000;
    return Math.round(this.#thisMinute + this.#lastMinute * (1 - passed));
  }

  get lines(): number {
    let sum = 0;
    for (const count of this.counts.values()) sum += count;
    return sum;
  }

  #turnMinute(nowMs: number): void {
    const minute = Math.floor(nowMs / 60_000);
    if (minute === this.#minute) return;
    this.#lastMinute = minute === this.#minute + 1 ? this.#thisMinute : 0;
    this.#thisMinute = 0;
    this.#minute = minute;
  }
}

/**
 * All channels seen. Bounded: a network that makes up channel names cannot fill the memory, since the longest
 * unused records are forgotten with their figures.
 */
export class ChannelRecords {
  readonly #max: number;
  readonly #platforms = new Map<string, Map<string, ChannelRecord>>();
  readonly #policyOf: (platform: string, channel: string) => ChannelPolicy;
  #size = 0;

  constructor(max: number, policyOf: (platform: string, channel: string) => ChannelPolicy) {
    this.#max = max;
    this.#policyOf = policyOf;
  }

  of(platform: string, channel: string): ChannelRecord {
    let channels = this.#platforms.get(platform);
    if (!channels) {
      channels = new Map();
      this.#platforms.set(platform, channels);
    }
    let record = channels.get(channel);
    if (!record) {
      if (this.#size >= this.#max) this.#forget();
      record = new ChannelRecord(platform, channel, this.#policyOf(platform, channel));
      channels.set(channel, record);
      this.#size++;
    }
    return record;
  }

  find(platform: string, channel: string): ChannelRecord | undefined {
    return this.#platforms.get(platform)?.get(channel);
  }

  *[Symbol.iterator](): Iterator<ChannelRecord> {
    for (const channels of this.#platforms.values()) yield* channels.values();
  }

  refreshPolicies(): void {
    for (const record of this) record.policy = this.#policyOf(record.platform, record.channel);
  }

  /** Drops the older half of those without an open segment. */
  #forget(): void {
    const unused = [...this].filter((record) => record.segments.size === 0 && record.shed === 0);
    unused.sort((a, b) => a.lastLineAtMs - b.lastLineAtMs);
    for (const record of unused.slice(0, Math.ceil(unused.length / 2))) {
      this.#platforms.get(record.platform)!.delete(record.channel);
      this.#size--;
    }
  }
}
