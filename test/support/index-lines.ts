/**
 * Lines of a small, busy world for tests of the index: two platforms, a few channels and users, everything that an index
 * makes something of, in an order of arrival that is not that of time. The same seed gives the same lines.
 */
import { createHash } from 'node:crypto';
import type { ChatEvent, EventType } from '../../src/event.ts';
import { MODERATION_TYPES } from '../../src/index/derive/moderation-types.ts';

/** Numbers from 0 up to, not including, `max`. */
export type Random = (max: number) => number;

/** Mulberry32 by Tommy Ettinger (public domain). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (max) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * max);
  };
}

export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const list = [...items];
  for (let index = list.length - 1; index > 0; index--) {
    const other = random(index + 1);
    [list[index], list[other]] = [list[other]!, list[index]!];
  }
  return list;
}

export interface WorldOptions {
  seed: number;
  lines: number;
  /** Of the first line, ms since the epoch; default the last hours of a month. */
  startMs?: number;
  /** Of all lines; default two days. */
  spanMs?: number;
}

/** Whole lines without their ends, in the order of their arrival. */
export function indexLines({ seed, lines, startMs, spanMs }: WorldOptions): string[] {
  const world = new World(seed, startMs ?? Date.UTC(2026, 8, 30, 6), spanMs ?? 2 * 86_400_000);
  return Array.from({ length: lines }, (_, index) => world.line(index / lines));
}

/** The same lines as several files: by channel, each cut into some, and what a second recorder had of it. */
export function indexSegments(options: WorldOptions): string[][] {
  const random = seededRandom(options.seed + 1);
  const byChannel = new Map<string, string[][]>();
  const filesOf = (name: string) => {
    const files = byChannel.get(name) ?? [[]];
    byChannel.set(name, files);
    return files;
  };
  for (const line of indexLines(options)) {
    const { platform, channel } = JSON.parse(line) as ChatEvent;
    const files = filesOf(`${platform} ${channel}`);
    // A file does not end between identical lines.
    if (random(40) === 0 && files.at(-1)!.at(-1) !== line) files.push([]);
    files.at(-1)!.push(line);
    if (random(5) === 0) filesOf(`second ${platform} ${channel}`).at(-1)!.push(copyOf(line, random));
  }
  return [...byChannel.values()].flat().filter((file) => file.length > 0);
}

/** The line as another recorder, or the platform's history, has it. */
function copyOf(line: string, random: Random): string {
  const event = JSON.parse(line) as ChatEvent;
  if (event.received_at === undefined) return line;
  const received_at = new Date(Date.parse(event.received_at) + random(900) - 450).toISOString();
  return JSON.stringify({ ...event, ...(random(2) === 0 ? { source: 'backfill' } : {}), received_at });
}

const NAMES = ['ann', 'bob', 'Cee', 'd_e', 'ölaf'];
const TEXTS = [
  'hello',
  '!uptime now',
  'Kappa 👍 ☃',
  '/help',
  'nul\0and\ud800lone',
  '',
  'tab\tline\nend\\n \uEE00',
];

class World {
  readonly #random: Random;
  readonly #seed: number;
  readonly #startMs: number;
  readonly #spanMs: number;
  readonly #ids: string[] = [];
  #serial = 0;
  #last = '';

  constructor(seed: number, startMs: number, spanMs: number) {
    this.#random = seededRandom(seed);
    this.#seed = seed;
    this.#startMs = startMs;
    this.#spanMs = spanMs;
  }

  line(progress: number): string {
    // The same event again: byte for byte, or as another recorder received it.
    if (this.#last !== '' && this.#random(25) === 0)
      return this.#random(2) === 0 ? this.#last : copyOf(this.#last, this.#random);
    const jitterMs = this.#random(4) === 0 ? this.#random(3_600_000) - 1_800_000 : this.#random(2_000);
    const ms = Math.max(this.#startMs, Math.floor(this.#startMs + progress * this.#spanMs + jitterMs));
    this.#last = JSON.stringify(this.#event(ms));
    return this.#last;
  }

  #event(ms: number): ChatEvent {
    const isTwitch = this.#random(3) > 0;
    const base = {
      timestamp: new Date(ms).toISOString(),
      channel: isTwitch ? this.#pick(['xqc', 'lirik']) : '#talk',
      platform: isTwitch ? 'twitch' : 'irc-libera',
    };
    const received_at = new Date(ms + this.#random(1_500)).toISOString();
    const type = this.#pick(TYPES);
    const author = { ...base, ...this.#author(isTwitch) };
    switch (type) {
      case 'message':
      case 'media':
      case 'private':
        return this.#message(author, type, received_at, isTwitch);
      case 'notice':
      case 'poll':
      case 'raw':
        return { ...author, message: this.#pick(TEXTS), type, id: this.#newId(), received_at };
      case 'join':
      case 'part':
      case 'presence':
        return { ...author, user_id: '', message: '', type, received_at };
      case 'edit':
      case 'status':
        return this.#change(author, type, received_at);
      case 'gap': {
        const gap = { until: new Date(ms + 60_000).toISOString(), backfill: 'partial' as const, filled: 3 };
        return {
          ...base,
          username: '',
          user_id: '',
          message: '',
          type,
          duration_seconds: 60,
          reason: 'socket',
          gap,
          received_at,
        };
      }
      default:
        return this.#moderation({ ...base, username: '', user_id: '' }, type, received_at, isTwitch);
    }
  }

  #author(isTwitch: boolean) {
    const at = this.#random(NAMES.length);
    const name = NAMES[at]!;
    const display = this.#random(5) === 0 ? {} : { display_name: this.#pick([name.toUpperCase(), name]) };
    return { username: name, user_id: isTwitch ? String(100 + at) : '', ...(isTwitch ? display : {}) };
  }

  #message(
    author: Author,
    type: 'message' | 'media' | 'private',
    received_at: string,
    isTwitch: boolean,
  ): ChatEvent {
    const parent = this.#random(6) === 0 ? this.#knownId() : undefined;
    const thread: Record<string, string> = parent ? { 'reply-thread-parent-msg-id': parent } : {};
    const modded = this.#random(6) === 0 ? '1' : '0';
    const tags = {
      color: '#FF0000',
      mod: modded,
      'room-id': String(this.#random(2) + 7),
      ...thread,
    };
    return {
      ...author,
      message: this.#pick(TEXTS),
      ...(type === 'message' ? {} : { type }),
      ...(this.#random(9) === 0 ? ({ direction: 'outgoing', action: true } as const) : {}),
      ...(parent === undefined ? {} : { reply_to: parent }),
      ...(this.#random(3) === 0 ? { badges: ['subscriber/12', this.#pick(['moderator/1', 'vip/1'])] } : {}),
      ...(type === 'media' ? { media: [{ url: 'https://e.x/\0\ud800a.png', size_bytes: 3 }] } : {}),
      ...(this.#random(12) === 0
        ? { command: { name: '!Song', status: this.#pick(['done', 'failed']) } }
        : {}),
      ...(this.#random(9) === 0 ? { sampling_rate: 0.5 } : {}),
      ...(isTwitch ? { tags } : {}),
      ...(this.#random(8) === 0 ? {} : { id: this.#newId() }),
      ...(this.#random(15) === 0 ? {} : { received_at }),
    };
  }

  #change(author: Author, type: 'edit' | 'status', received_at: string): ChatEvent {
    const state = this.#pick(['Sent', 'delivered', 'failed']);
    const status = { platform_event: state, ...(state === 'failed' ? { reason: 'blocked' } : {}) };
    const message = type === 'edit' ? `edited ${this.#random(100)}` : '';
    return {
      ...author,
      message,
      type,
      target_message_id: this.#knownId(),
      ...(type === 'status' ? status : {}),
      id: this.#newId(),
      received_at,
    };
  }

  #moderation(
    base: Author,
    type: Exclude<EventType, 'message'>,
    received_at: string,
    isTwitch: boolean,
  ): ChatEvent {
    const at = this.#random(NAMES.length);
    const target = NAMES[at]!;
    const head = { ...base, message: '', type };
    if (type === 'clear') return { ...head, received_at };
    if (type === 'delete') return { ...head, received_at, target, target_message_id: this.#knownId() };
    return {
      ...head,
      received_at,
      ...(isTwitch ? {} : { moderator: 'op' }),
      target,
      ...(isTwitch ? { target_user_id: String(100 + at) } : {}),
      ...(type === 'timeout' ? { duration_seconds: 600 } : { reason: 'why\0not' }),
    };
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random(items.length)]!;
  }

  /** Most platforms have UUIDs, some have not. */
  #newId(): string {
    const hex = createHash('md5')
      .update(`${this.#seed} ${this.#serial++}`)
      .digest('hex');
    const uuid = [
      hex.slice(0, 8),
      hex.slice(8, 12),
      hex.slice(12, 16),
      hex.slice(16, 20),
      hex.slice(20),
    ].join('-');
    const id = this.#serial % 7 === 0 ? `message ${this.#serial}` : uuid;
    this.#ids.push(id);
    return id;
  }

  /** Of a message that was before or, now and then, is still to come. */
  #knownId(): string {
    if (this.#ids.length === 0 || this.#random(10) === 0) return 'never seen';
    return this.#ids[Math.max(0, this.#ids.length - 1 - this.#random(20))]!;
  }
}

/** What events begin with. */
type Author = Omit<ChatEvent, 'message' | 'type'>;

const TYPES: readonly EventType[] = [
  ...Array<EventType>(14).fill('message'),
  'media',
  'private',
  'notice',
  'poll',
  'raw',
  'join',
  'join',
  'part',
  'part',
  'presence',
  'edit',
  'status',
  'gap',
  ...MODERATION_TYPES,
];
