/** Takes readings of all sources, whatever their order, to be sorted; leaves out what people asked not to be kept. */
import { type ChatEvent, eventIdentity } from '../../event.ts';
import { messageKey } from '../../index/message-key.ts';
import { formatTimestamp, isCredible } from '../../lib/timestamp.ts';
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { withhold } from '../../privacy/withhold.ts';
import { channelPath } from '../../segment-name.ts';
import type { ExternalSort } from './external-sort.ts';
import { importId } from './import-event.ts';
import type { Reading } from './import-format.ts';
import { lineIdentity } from './line-identity.ts';
import { DAY_MS, HOUR_MS, orderedText, sortKey } from './sort-keys.ts';

export interface StagingOptions {
  sort: ExternalSort;
  privacy: PrivacyGate;
  nowMs: number;
}

export type Staged = 'staged' | 'withheld' | { reject: string };

/** A UTC day of a channel that was imported into. */
export interface StagedDay {
  platform: string;
  channel: string;
  dayMs: number;
  /** Bit n: something is of the day's n-th hour. */
  hours: number;
  lines: number;
  firstMs: number;
  lastMs: number;
}

export class Staging {
  readonly #options: StagingOptions;
  readonly #days = new Map<string, StagedDay>();
  readonly #paths = new Map<string, string>();

  constructor(options: StagingOptions) {
    this.#options = options;
  }

  /** By {@link dayKey}. */
  get days(): ReadonlyMap<string, StagedDay> {
    return this.#days;
  }

  /**
   * @param number of the source
   * @param isLossless see `ImportFormat`
   */
  source(number: number, isLossless: boolean): SourceStaging {
    const { sort, privacy, nowMs } = this.#options;
    return new SourceStaging({
      sort,
      privacy,
      nowMs,
      number,
      isLossless,
      touch: (event, ms) => this.#touch(event, ms),
    });
  }

  #touch({ platform, channel }: ChatEvent, timeMs: number): string {
    const path = this.#pathOf(platform, channel);
    const dayMs = Math.floor(timeMs / DAY_MS) * DAY_MS;
    const key = dayKey(path, dayMs);
    const hour = 1 << Math.floor((timeMs - dayMs) / HOUR_MS);
    const day = this.#days.get(key);
    if (!day) {
      this.#days.set(key, {
        platform,
        channel,
        dayMs,
        hours: hour,
        lines: 1,
        firstMs: timeMs,
        lastMs: timeMs,
      });
      return path;
    }
    day.hours |= hour;
    day.lines++;
    day.firstMs = Math.min(day.firstMs, timeMs);
    day.lastMs = Math.max(day.lastMs, timeMs);
    return path;
  }

  #pathOf(platform: string, channel: string): string {
    const name = `${platform}\0${channel}`;
    let path = this.#paths.get(name);
    if (path === undefined) {
      path = channelPath(platform, channel);
      this.#paths.set(name, path);
    }
    return path;
  }
}

export function dayKey(path: string, dayMs: number): string {
  return `${path} ${dayMs}`;
}

interface SourceStagingOptions extends StagingOptions {
  number: number;
  isLossless: boolean;
  /** Remembers the day, and gives the channel's path. */
  touch(event: ChatEvent, timeMs: number): string;
}

class SourceStaging {
  readonly #options: SourceStagingOptions;
  #record = 0;
  /** Of the record before, and how many of that time there were. */
  #timeMs = Number.NaN;
  #ofTime = 0;

  constructor(options: SourceStagingOptions) {
    this.#options = options;
  }

  async add(reading: Reading): Promise<Staged> {
    if ('reject' in reading) return { reject: reading.reject };
    const { nowMs, privacy, number, sort, touch } = this.#options;
    const { event, kept, exactMs = 1 } = reading;
    const timeMs = Date.parse(event.timestamp);
    if (!isCredible(timeMs, nowMs + DAY_MS)) return { reject: 'its time cannot be: before 1990, or to come' };
    const isNumbered = kept === undefined && this.#name(event, timeMs, exactMs);
    const decided = privacy.isEmpty ? 'keep' : withheld(event, timeMs, privacy);
    if (decided === 'remove') return 'withheld';
    const line = decided === 'keep' ? (kept ?? JSON.stringify(event)) : JSON.stringify(decided);
    const identity = lineIdentity(event, line, isNumbered);
    const key = sortKey(touch(event, timeMs), timeMs, identity, number, this.#record++);
    await sort.add(key, orderedText(timeMs, event.received_at, line));
    return 'staged';
  }

  /** Whether an id was made. Records that are told apart by nothing but their order keep it. */
  #name(event: ChatEvent, timeMs: number, exactMs: number): boolean {
    this.#ofTime = timeMs === this.#timeMs ? this.#ofTime + 1 : 0;
    this.#timeMs = timeMs;
    if (this.#options.isLossless) return false;
    const placeMs = Math.min(this.#ofTime, exactMs - 1);
    if (placeMs > 0) event.received_at = formatTimestamp(timeMs + placeMs);
    if (eventIdentity(event) !== '') return false;
    event.id = importId(event, 0);
    return true;
  }
}

/** `withhold` goes by what lines say of how they came here: an imported one may be of any origin. */
function withheld(event: ChatEvent, timeMs: number, privacy: PrivacyGate): 'keep' | 'remove' | ChatEvent {
  const identity = eventIdentity(event);
  if (identity !== '' && privacy.isMessagePurged(event.platform, messageKey(event.platform, identity)))
    return 'remove';
  return withhold(event, timeMs, privacy);
}
