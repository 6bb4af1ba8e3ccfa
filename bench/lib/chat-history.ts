/**
 * Months of chat that never happened, made of real messages: the corpus' texts, badges, colours and emotes, dealt to
 * users and channels as unevenly as chat is (Zipf). The same seed gives the same lines. What the recorder would have
 * written, line for line: hourly segments of one channel each, in order of time.
 */
import { parseTwitchLine } from '../../src/connectors/twitch/twitch-line.ts';
import type { ChatEvent } from '../../src/event.ts';
import { corpusLines } from '../../test/support/corpus.ts';

export interface HistoryOptions {
  messages: number;
  channels: number;
  /** Start of the first hour, ms since the epoch. */
  startMs: number;
  hours: number;
  users: number;
  seed?: number;
}

export interface HistorySegment {
  channel: string;
  startMs: number;
  /** Without line ends. */
  lines: Buffer[];
}

const HOUR_MS = 3_600_000;
/** One in so many lines is a ban or timeout of somebody who spoke. */
const MODERATION_EVERY = 90;
/** Messages that somebody who speaks in an hour writes in it: the corpus has 4 in eight minutes. */
const MESSAGES_PER_SPEAKER = 6;
/** One in so many messages answers an earlier one. */
const REPLY_EVERY = 25;

export function* chatHistory(options: HistoryOptions): Generator<HistorySegment> {
  const random = mulberry32(options.seed ?? 1);
  const prototypes = corpusLines()
    .map((line) => parseTwitchLine(line, Date.now()).event)
    .filter(({ type }) => type === undefined);
  const shares = zipfShares(options.channels);
  const user = zipfPicker(options.users, random);
  let carried = 0;
  for (let hour = 0; hour < options.hours; hour++) {
    const startMs = options.startMs + hour * HOUR_MS;
    for (let channel = 0; channel < options.channels; channel++) {
      carried += (options.messages / options.hours) * shares[channel]!;
      const count = Math.floor(carried);
      carried -= count;
      if (count === 0) continue;
      yield {
        channel: channelName(channel),
        startMs,
        lines: hourLines({ channel, startMs, count, prototypes, random, user }),
      };
    }
  }
}

export function channelName(index: number): string {
  return `channel_${String(index).padStart(3, '0')}`;
}

/** Of the user with this rank: 0 speaks most. */
export function userName(index: number): string {
  return `viewer_${index.toString(36)}`;
}

interface Hour {
  channel: number;
  startMs: number;
  count: number;
  prototypes: readonly ChatEvent[];
  random: () => number;
  user: () => number;
}

function hourLines({ channel, startMs, count, prototypes, random, user }: Hour): Buffer[] {
  const times = Float64Array.from({ length: count }, () => startMs + Math.floor(random() * HOUR_MS)).sort();
  const name = channelName(channel);
  const speakers = Array.from({ length: Math.ceil(count / MESSAGES_PER_SPEAKER) }, user);
  const speaker = () => speakers[Math.floor(random() * speakers.length)]!;
  const recent: ChatEvent[] = [];
  return Array.from(times, (timeMs, index) => {
    const spoke = recent[Math.floor(random() * recent.length)];
    const event =
      spoke && random() * MODERATION_EVERY < 1
        ? timeout(spoke, name, channel, timeMs)
        : message({
            name,
            channel,
            timeMs,
            prototypes,
            random,
            user: speaker,
            answers: random() * REPLY_EVERY < 1 ? spoke : undefined,
          });
    if (event.type === undefined) recent[index % 50] = event;
    return Buffer.from(JSON.stringify(event));
  });
}

function message({
  name,
  channel,
  timeMs,
  prototypes,
  random,
  user,
  answers,
}: Pick<Hour, 'prototypes' | 'random' | 'user' | 'channel'> & {
  name: string;
  timeMs: number;
  answers: ChatEvent | undefined;
}): ChatEvent {
  const rank = user();
  const login = userName(rank);
  const looks = prototypes[rank % prototypes.length]!;
  const says = prototypes[Math.floor(random() * prototypes.length)]!;
  return {
    timestamp: new Date(timeMs).toISOString(),
    channel: name,
    username: login,
    user_id: String(10_000_000 + rank),
    message: says.message,
    platform: 'twitch',
    ...(says.action && { action: true as const }),
    ...(answers && { reply_to: answers.id }),
    ...(says.emotes && { emotes: says.emotes }),
    display_name: login[0]!.toUpperCase() + login.slice(1),
    ...(looks.badges && { badges: looks.badges }),
    tags: {
      ...looks.tags,
      ...(says.tags?.flags && { flags: says.tags.flags }),
      'room-id': String(70_000_000 + channel),
    },
    id: uuid(random),
    received_at: new Date(timeMs + 20 + Math.floor(random() * 150)).toISOString(),
  };
}

function timeout(of: ChatEvent, name: string, channel: number, timeMs: number): ChatEvent {
  return {
    timestamp: new Date(timeMs).toISOString(),
    channel: name,
    username: '',
    user_id: '',
    message: '',
    platform: 'twitch',
    type: 'timeout',
    target: of.username,
    target_user_id: of.user_id,
    duration_seconds: 600,
    tags: { 'room-id': String(70_000_000 + channel) },
    received_at: new Date(timeMs + 50).toISOString(),
  };
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function zipfShares(count: number): number[] {
  const weights = Array.from({ length: count }, (_, index) => 1 / (index + 1));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Ranks from 0, rank r about 1/(r+1) as often as the first (inverse of the continuous distribution). */
function zipfPicker(count: number, random: () => number): () => number {
  const log = Math.log(count + 1);
  return () => Math.min(count - 1, Math.floor(Math.exp(random() * log)) - 1);
}

function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
