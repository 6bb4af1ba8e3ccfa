/**
 * What is recorded of a channel: pure decisions, the same on every instance and on every replay.
 */
import { resolveChannels } from '../config/resolve-channels.ts';
import type { Config } from '../config/schema.ts';
import { type CapturedEvent, eventIdentity, eventType } from '../event.ts';
import { hash32 } from '../lib/hash.ts';

export interface ChannelPolicy {
  /** Share of messages kept, 0 to 1. */
  samplingRate: number;
  /** Whether joins, parts and presence are recorded. */
  presence: boolean;
}

/** Messages that sampling never drops. */
export interface KeepList {
  /** Lower case. */
  users: ReadonlySet<string>;
  /** Lower case; found anywhere in the text. */
  words: readonly string[];
}

export interface RecordingPolicies {
  defaults: ChannelPolicy;
  /** By platform, then channel. */
  channels: ReadonlyMap<string, ReadonlyMap<string, ChannelPolicy>>;
  keep: KeepList;
}

/** What is to become of an event: `presence` and `sampled` are not recorded, for that reason. */
export type Verdict = 'record' | 'presence' | 'sampled';

export function judge(captured: CapturedEvent, policy: ChannelPolicy, keep: KeepList): Verdict {
  if (!policy.presence && isPresence(captured)) return 'presence';
  if (policy.samplingRate >= 1 || captured.unsampled || isOnKeepList(captured, keep)) return 'record';
  return isSampled(sampleKey(captured), policy.samplingRate) ? 'record' : 'sampled';
}

/** Whether a line drawn by this policy stands for others: then its rate is written on it. */
export function isDrawn(captured: CapturedEvent, policy: ChannelPolicy, keep: KeepList): boolean {
  return policy.samplingRate < 1 && !captured.unsampled && !isOnKeepList(captured, keep);
}

/**
 * Keeps `rate` of all keys: those whose {@link hash32} lies below `rate * 2^32`. So a lower rate keeps a subset of
 * what a higher one keeps, and two instances keep the same.
 */
export function isSampled(key: string, rate: number): boolean {
  return hash32(key) < rate * 2 ** 32;
}

export function isPresence(captured: CapturedEvent): boolean {
  const type = eventType(captured.event);
  return type === 'join' || type === 'part' || type === 'presence';
}

/** Events without an identity are drawn by their content. */
function sampleKey({ event, identity }: CapturedEvent): string {
  return identity || eventIdentity(event) || `${event.timestamp} ${event.username} ${event.message}`;
}

function isOnKeepList({ event }: CapturedEvent, keep: KeepList): boolean {
  if (keep.users.size > 0 && keep.users.has(event.username.toLowerCase())) return true;
  if (keep.words.length === 0) return false;
  const text = event.message.toLowerCase();
  return keep.words.some((word) => text.includes(word));
}

/** The policies as the configuration gives them. */
export function recordingPolicies(config: Config): RecordingPolicies {
  const channels = new Map<string, Map<string, ChannelPolicy>>();
  for (const [platform, settings] of resolveChannels(config)) {
    channels.set(
      platform,
      new Map(settings.map(({ name, samplingRate, presence }) => [name, { samplingRate, presence }])),
    );
  }
  return {
    defaults: { samplingRate: config.defaults.sampling_rate, presence: config.defaults.presence },
    channels,
    keep: {
      users: new Set(config.keep.users.map((user) => user.toLowerCase())),
      words: config.keep.words.map((word) => word.toLowerCase()),
    },
  };
}
