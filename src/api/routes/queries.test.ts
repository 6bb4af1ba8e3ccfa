import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiContext } from '../../../test/support/api-context.ts';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { loadEvents, openApi, type TestApi } from '../../../test/support/query-fixture.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import type { ChatEvent, EventType } from '../../event.ts';
import { createTrigramIndex } from '../../index/optional-indexes.ts';
import { createToken } from '../tokens/token-store.ts';

const NOW = Date.UTC(2026, 9, 5, 12);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let serial = 0;
/** `ago` in ms before now. */
function event(ago: number, more: Partial<ChatEvent> = {}): ChatEvent {
  const id = `00000000-0000-4000-8000-${String(++serial).padStart(12, '0')}`;
  const timestamp = new Date(NOW - ago).toISOString();
  return {
    timestamp,
    channel: 'xqc',
    username: 'ann',
    user_id: '1',
    message: 'four',
    platform: 'twitch',
    id,
    ...more,
  };
}

function moderation(ago: number, type: EventType, more: Partial<ChatEvent> = {}): ChatEvent {
  const about = { username: '', user_id: '', message: '', target: 'bob', target_user_id: '2' };
  return event(ago, { type: type as 'ban', ...about, ...more });
}

function lines(): ChatEvent[] {
  const renamed = { username: 'anna', display_name: 'Anna' };
  return [
    event(40 * DAY_MS, { user_id: '3' }),
    event(3 * DAY_MS),
    event(2 * DAY_MS + 10, { channel: 'lirik' }),
    event(2 * HOUR_MS, renamed),
    event(2 * HOUR_MS - 60_000, renamed),
    event(HOUR_MS, { username: 'bob', user_id: '2', message: 'good morning chat' }),
    event(HOUR_MS - 1, { username: 'bob', user_id: '2', message: 'morning, good "chat"? GOOD morning' }),
    event(HOUR_MS - 2, { username: 'bob', user_id: '2', message: 'morning' }),
    event(50 * 60_000, { platform: 'irc-libera', channel: '#talk', username: 'Ann', user_id: '' }),
    moderation(5 * DAY_MS, 'ban', { reason: 'spam' }),
    moderation(4 * DAY_MS, 'unban'),
    moderation(30 * 60_000, 'timeout', { channel: 'lirik', duration_seconds: 600, moderator: 'mod' }),
    moderation(20 * 60_000, 'clear', { channel: 'lirik', target: undefined, target_user_id: undefined }),
    event(10 * DAY_MS, {
      type: 'gap',
      username: '',
      user_id: '',
      message: '',
      duration_seconds: 60,
      reason: 'socket',
      gap: {
        until: new Date(NOW - 10 * DAY_MS + 60_000).toISOString(),
        backfill: 'partial',
        filled: 3,
        dropped: 2,
      },
    }),
    event(2 * HOUR_MS, {
      type: 'gap',
      channel: 'lirik',
      username: '',
      user_id: '',
      message: '',
      duration_seconds: 30,
      reason: 'restart',
      gap: { until: new Date(NOW - 2 * HOUR_MS + 30_000).toISOString(), backfill: 'complete', filled: 0 },
    }),
  ].sort((a, b) => (a.timestamp < b.timestamp ? -1 : 1));
}

describe.each(['PostgreSQL 15', 'PGlite'] as const)('questions to the index on %s', (kind) => {
  let database: TestDatabase;
  let api: TestApi;
  beforeAll(async () => {
    serial = 0;
    database = await openDatabase(kind);
    await loadEvents(database, 'twitch_xqc_20261005_1200', lines(), NOW);
    expect(await createTrigramIndex(database, silentLog)).toBe(true);
    api = await openApi({
      database,
      overrides: {
        now: () => NOW,
        recorder: {
          channelStates: () => [{ platform: 'twitch', channel: 'lirik', state: 'joined' }],
          addChannel: async () => {},
          removeChannel: async () => {},
          setChannel: async () => {},
          rejoin: async () => {},
        },
      },
    });
  });
  afterAll(async () => {
    await api?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
  });

  async function ask<Body = Record<string, unknown>>(url: string): Promise<Body> {
    const { status, body } = await api.get<Body>(url, { authorization: api.authorization });
    expect(status, JSON.stringify(body)).toBe(200);
    return body;
  }

  it('ranks what it finds, and says where the words stand', async () => {
    interface Found {
      messages: { text: string; rank: number; highlights: [number, number][] }[];
      nextCursor: string | null;
    }
    const found = await ask<Found>('/api/messages/search?q=good+morning');
    expect(found).toMatchObject({ total: 2, totalIsEstimate: false, hasMore: false, nextCursor: null });
    expect(found.messages.map(({ text }) => text)).toEqual([
      'morning, good "chat"? GOOD morning',
      'good morning chat',
    ]);
    const [first] = found.messages;
    expect(first?.highlights.map(([start, end]) => first.text.slice(start, end))).toEqual([
      'morning',
      'good',
      'GOOD',
      'morning',
    ]);
    const page = await ask<Found>('/api/messages/search?q=morning&limit=2');
    expect(page).toMatchObject({ total: 3, hasMore: true });
    const rest = await ask<Found>(`/api/messages/search?q=morning&limit=2&cursor=${page.nextCursor}`);
    expect(new Set([...page.messages, ...rest.messages].map(({ text }) => text)).size).toBe(3);
    const phrase = await ask<Found>('/api/messages/search?q=%22good+morning%22+-chat&sort=newest');
    expect(phrase.messages).toEqual([]);
    const newest = await ask<Found>('/api/messages/search?q=morning+-good&sort=oldest&channel=xqc&user=bob');
    expect(newest.messages.map(({ text }) => text)).toEqual(['morning']);
    expect((await api.get('/api/messages/search?q=%F0%9F%91%8D')).status).toBe(400);
  });

  it('knows a user by each name, and the latest owner of a name first', async () => {
    const ann = await ask<Record<string, unknown>>('/api/users/ann?platform=twitch');
    expect(ann).toMatchObject({
      user: { platform: 'twitch', userId: '1', username: 'anna', displayName: 'Anna' },
      messages: 4,
      averageLength: 4,
      daysActive: 3,
      firstSeen: new Date(NOW - 3 * DAY_MS).toISOString(),
      lastSeen: new Date(NOW - 2 * HOUR_MS + 60_000).toISOString(),
      channels: [
        { channel: 'xqc', messages: 3 },
        { channel: 'lirik', messages: 1 },
      ],
      names: [
        { username: 'anna', messages: 2 },
        { username: 'ann', messages: 2 },
      ],
      otherOwners: [{ userId: '3', username: 'ann' }],
    });
    expect(await ask('/api/users/Ann')).toMatchObject({
      user: { platform: 'irc-libera', userId: '', username: 'Ann' },
      otherOwners: [{ userId: '1' }, { userId: '3' }],
    });
    expect(await ask('/api/users/id:3')).toMatchObject({ user: { userId: '3' }, messages: 1 });
    expect((await api.get('/api/users/nobody')).status).toBe(404);
  });

  it('finds users by a part of their names', async () => {
    interface Found {
      users: { username: string; matched: string }[];
      nextCursor: string | null;
    }
    const begin = await ask<Found>('/api/users?search=AN');
    expect(begin).toMatchObject({ matching: 'prefix', hasMore: false });
    expect(begin.users.map(({ matched }) => matched)).toEqual(['ann', 'ann']);
    const middle = await ask<Found>('/api/users?search=nna');
    expect(middle).toMatchObject({ matching: 'substring', users: [{ username: 'anna', matched: 'anna' }] });
    expect((await ask<Found>('/api/users?search=%25')).users).toEqual([]);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await ask<Found>(`/api/users?limit=1${cursor}`);
      seen.push(...page.users.map(({ matched }) => matched));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(seen).toEqual(['Ann', 'ann', 'ann', 'anna', 'bob']);
  });

  it('tells what a user did and received', async () => {
    const messages = await ask<{ messages: { username: string }[] }>(
      '/api/users/bob/messages?channel=xqc&limit=2',
    );
    expect(messages).toMatchObject({ hasMore: true, messages: [{ username: 'bob' }, { username: 'bob' }] });
    const actions = await ask<{ modActions: object[] }>('/api/users/bob/mod-actions');
    expect(actions.modActions).toMatchObject([
      {
        type: 'timeout',
        channel: 'lirik',
        durationSeconds: 600,
        moderator: 'mod',
        target: 'bob',
        targetUserId: '2',
      },
      { type: 'unban' },
      { type: 'ban', reason: 'spam' },
    ]);
    expect(await ask('/api/users/bob/stats')).toMatchObject({
      user: { username: 'bob' },
      messages: 3,
      daysActive: 1,
      sessions: 1,
      days: [{ day: '2026-10-05', messages: 3 }],
    });
    expect(await ask('/api/users/bob/stats?until=2026-10-03')).toMatchObject({
      messages: 0,
      moderation: [
        { type: 'ban', count: 1 },
        { type: 'unban', count: 1 },
      ],
    });
    interface Sessions {
      sessions: { channel: string; messages: number; durationSeconds: number }[];
      nextCursor: string | null;
    }
    const first = await ask<Sessions>('/api/users/id:1/sessions?limit=2');
    expect(first.sessions).toMatchObject([
      { channel: 'xqc', messages: 2, durationSeconds: 60, joinSeen: false },
      { channel: 'lirik', messages: 1 },
    ]);
    const rest = await ask<Sessions>(`/api/users/id:1/sessions?limit=2&cursor=${first.nextCursor}`);
    expect(rest).toMatchObject({ sessions: [{ channel: 'xqc', messages: 1 }], hasMore: false });
  });

  it('lists moderation by type, channel, moderator and target', async () => {
    const types = async (query: string) =>
      (await ask<{ modActions: { type: string }[] }>(`/api/mod-actions?${query}`)).modActions.map(
        ({ type }) => type,
      );
    expect(await types('')).toEqual(['clear', 'timeout', 'unban', 'ban']);
    expect(await types('order=oldest')).toEqual(['ban', 'unban', 'timeout', 'clear']);
    expect(await types('type=ban,clear')).toEqual(['clear', 'ban']);
    expect(await types('channel=lirik')).toEqual(['clear', 'timeout']);
    expect(await types('moderator=mod')).toEqual(['timeout']);
    expect(await types('target=bob&type=ban')).toEqual(['ban']);
    expect(await types('since=1h')).toEqual(['clear', 'timeout']);
    expect(await types('limit=1&offset=2')).toEqual(['unban']);
    const page = await ask<{ nextCursor: string }>('/api/mod-actions?limit=3');
    expect(await types(`limit=3&cursor=${page.nextCursor}`)).toEqual(['ban']);
    expect(await ask('/api/mod-actions/recent?type=timeout')).toMatchObject({
      modActions: [{ type: 'timeout' }],
    });
    expect(await ask('/api/mod-actions/stats')).toMatchObject({
      total: 4,
      moderators: [{ moderator: 'mod', count: 1 }],
      days: [
        { day: '2026-09-30', count: 1 },
        { day: '2026-10-01', count: 1 },
        { day: '2026-10-05', count: 2 },
      ],
    });
    expect(await ask('/api/mod-actions/stats?channel=lirik&since=7d')).toMatchObject({
      total: 2,
      channels: [{ platform: 'twitch', channel: 'lirik', count: 2 }],
    });
  });

  it('lists channels with their state, and counts what was said in them', async () => {
    expect(await ask('/api/channels')).toMatchObject({
      total: 3,
      channels: [
        { platform: 'irc-libera', name: '#talk', active: true, state: null, messagesLast24Hours: 1 },
        { platform: 'twitch', name: 'lirik', active: true, state: 'joined', configured: false },
        { platform: 'twitch', name: 'xqc', messagesLast24Hours: 5 },
      ],
    });
    expect(await ask('/api/channels?active=false')).toMatchObject({ total: 0 });
    expect(await ask('/api/channels/talk')).toMatchObject({
      name: '#talk',
      totals: { messages: 1, lastDay: '2026-10-05' },
    });
    expect(await ask('/api/channels/XQC/stats?since=3h')).toMatchObject({
      channel: 'xqc',
      messages: 5,
      activeUsers: 2,
      topUsers: [
        { username: 'bob', messages: 3 },
        { username: 'anna', messages: 2 },
      ],
      per: 'hour',
      activity: [
        { at: '2026-10-05T10:00:00.000Z', messages: 2 },
        { at: '2026-10-05T11:00:00.000Z', messages: 3 },
      ],
    });
    expect(await ask('/api/channels/xqc/stats?since=60d')).toMatchObject({
      per: 'day',
      messages: 7,
      modActions: 2,
    });
    expect((await api.get('/api/channels/nowhere')).status).toBe(404);
  });

  it('gives everything at a glance', async () => {
    expect(await ask('/api/stats')).toMatchObject({
      totals: { messages: 9, modActions: 4, channels: 3, usersIsEstimate: false },
      topChannels: [
        { channel: 'xqc', messages: 5 },
        { channel: '#talk', messages: 1 },
        { channel: 'lirik', modActions: 2 },
      ],
      activeUsers: 3,
      gaps: { count: 1, seconds: 30, dropped: 0 },
      archive: { segments: 0, stored: 0 },
    });
  });

  it('lists what was not recorded', async () => {
    const first = await ask<{ nextCursor: string }>('/api/gaps?limit=1');
    expect(first).toMatchObject({
      gaps: [{ channel: 'lirik', durationSeconds: 30, reason: 'restart' }],
      hasMore: true,
    });
    const rest = await ask(`/api/gaps?limit=1&cursor=${first.nextCursor}`);
    expect(rest).toMatchObject({
      gaps: [{ channel: 'xqc', backfill: 'partial', filled: 3, dropped: 2 }],
      hasMore: false,
    });
    expect(await ask('/api/gaps?channel=xqc&order=oldest')).toMatchObject({ gaps: [{ channel: 'xqc' }] });
  });

  it('lists what lies in storage, for those who may export', async () => {
    expect((await api.get('/api/segments')).status).toBe(401);
    await database.transaction((session) =>
      session.exec(`INSERT INTO segments (source, name, platform, channel, start_ts, lines, bytes, complete, object_key, object_bytes)
        SELECT source, 'twitch_xqc_20261004_' || lpad(n::text, 2, '0') || '00', 'twitch', 'xqc',
          '2026-10-04'::timestamp AT TIME ZONE 'UTC' + n * interval '1 hour', 5, 100, true, 'key-' || n, 50
        FROM generate_series(0, 11) n, unnest(ARRAY['archive', 'local:a']) AS source`),
    );
    const keys: string[] = [];
    for (let cursor = ''; ; ) {
      const page = await ask<{ segments: { key: string }[]; nextCursor: string | null }>(
        `/api/segments?channel=xqc&since=2026-10-04T02:00:00Z&until=2026-10-04T11:00:00Z&limit=4${cursor}`,
      );
      keys.push(...page.segments.map(({ key }) => key));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(keys).toEqual(Array.from({ length: 9 }, (_, index) => `key-${index + 2}`));
  });

  it('links objects, which hold what is withheld elsewhere, for admins alone', async () => {
    const presign = async (key: string) => `https://store/${key}`;
    const { store } = apiContext({ database });
    await using linking = await openApi({ database, overrides: { store: { ...store, presign } } });
    const { token } = await createToken(database, { scope: 'export', name: 'exporter' });
    const url = '/api/segments?channel=xqc&since=2026-10-04&until=2026-10-05&limit=1';
    for (const [authorization, link] of [
      [`Bearer ${token}`, undefined],
      [linking.authorization, 'https://store/key-0'],
    ] as const) {
      const { body } = await linking.get<{ segments: { url?: string }[] }>(url, { authorization });
      expect(body.segments.map((segment) => segment.url)).toEqual([link]);
    }
  });
});
