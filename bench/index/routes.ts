/** What is asked of the query endpoint: every route, with parameters spread over users, channels and days. */
import type pg from 'pg';
import { channelName, userName } from '../lib/chat-history.ts';

export interface Route {
  name: string;
  /** p95 that is aimed at, ms. */
  aimMs: number;
  paths: string[];
}

const PATHS = 200;

/** `client` is asked for ids that exist. */
export async function routes(
  client: pg.Client,
  history: { startMs: number; hours: number; channels: number },
): Promise<Route[]> {
  let seed = 7;
  const random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  const channel = () => channelName(Math.floor(random() * history.channels));
  // From those who speak most to those who hardly do.
  const user = () => userName(Math.floor(Math.exp(random() * Math.log(50_000))));
  const dayMs = () => history.startMs + Math.floor((random() * (history.hours - 48)) / 24) * 86_400_000;
  const iso = (ms: number) => new Date(ms).toISOString();
  const day = () => {
    const from = dayMs();
    return `since=${iso(from)}&until=${iso(from + 86_400_000)}`;
  };
  const words = [
    'lulw',
    'pogu',
    'gachibass',
    'xqcow',
    'warlord',
    'forsen',
    'monka',
    'omegalul',
    'hello',
    'chat',
    'pepelaugh',
    'widepeepo',
    'juicer',
    'train',
  ];
  const word = () => words[Math.floor(random() * words.length)]!;
  const { rows } = await client.query<{ key: string }>(
    'SELECT key FROM messages TABLESAMPLE SYSTEM (0.05) WHERE type = 0 LIMIT 2000',
  );
  const id = () => rows[Math.floor(random() * rows.length)]!.key;
  const route = (name: string, path: () => string, aimMs = 200): Route => ({
    name,
    aimMs,
    paths: Array.from({ length: PATHS }, path),
  });
  const date = () => {
    const at = new Date(dayMs());
    return { year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate() };
  };
  return [
    route('conversation, newest', () => `/api/messages?channel=${channel()}&limit=50`, 20),
    route(
      'conversation, before a time',
      () => `/api/messages?channel=${channel()}&until=${iso(dayMs())}&limit=50`,
      20,
    ),
    route('channel day', () => `/api/messages?channel=${channel()}&${day()}&limit=100`, 20),
    route('all channels, newest', () => '/api/messages?limit=50', 20),
    route('user, all channels', () => `/api/messages?user=${user()}&limit=50`, 20),
    route('user in a channel', () => `/api/messages?user=${user()}&channel=${channel()}&limit=50`, 20),
    route('search, ranked', () => `/api/messages/search?q=${word()}&limit=20`, 20),
    route('search in a channel', () => `/api/messages/search?q=${word()}&channel=${channel()}&limit=20`, 20),
    route('search, two words', () => `/api/messages/search?q=${word()}+${word()}&limit=20`, 20),
    route(
      'messages that hold a word',
      () => `/api/messages?search=${word()}&channel=${channel()}&limit=50`,
      20,
    ),
    route('one message with its context', () => `/api/messages/${id()}`),
    route('failed', () => '/api/messages/failed'),
    route('media', () => `/api/messages/media?channel=${channel()}`),
    route(
      'users by part of a name',
      () => `/api/users?search=viewer_${Math.floor(random() * 1296).toString(36)}`,
    ),
    route('user', () => `/api/users/${user()}`),
    route('user: messages', () => `/api/users/${user()}/messages?limit=50`, 20),
    route('user: mod-actions', () => `/api/users/${user()}/mod-actions`),
    route('user: stats', () => `/api/users/${user()}/stats`),
    route('user: sessions', () => `/api/users/${user()}/sessions`),
    route('mod-actions of a channel', () => `/api/mod-actions?channel=${channel()}&${day()}`),
    route('mod-actions, recent', () => '/api/mod-actions/recent'),
    route('mod-actions, stats', () => `/api/mod-actions/stats?${day()}`),
    route('channels', () => '/api/channels'),
    route('channel', () => `/api/channels/${channel()}`),
    route('channel stats, a day', () => `/api/channels/${channel()}/stats?${day()}`),
    route('stats', () => '/api/stats'),
    route('gaps', () => `/api/gaps?channel=${channel()}`),
    route('segments, a day', () => `/api/segments?channel=${channel()}&${day()}`),
    route('viewers: channel day, 100 lines', () => {
      const { year, month, day: dayOfMonth } = date();
      return `/channel/${channel()}/${year}/${month}/${dayOfMonth}?limit=100&raw&reverse`;
    }),
    route('viewers: user month', () => {
      const { year, month } = date();
      return `/channel/${channel()}/user/${user()}/${year}/${month}?json&limit=100`;
    }),
    route('viewers: list', () => `/list?channel=${channel()}`),
    route('viewers: random line', () => `/channel/${channel()}/random`),
    route('viewers: channel stats', () => `/channel/${channel()}/stats`),
    route('viewers: names', () => `/namehistory/${10_000_000 + Math.floor(random() * 10_000)}`),
  ];
}
