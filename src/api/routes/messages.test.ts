import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { seededRandom } from '../../../test/support/index-lines.ts';
import {
  everyMessage,
  loadEvents,
  loadWorld,
  openApi,
  type PlainMessage,
  type TestApi,
} from '../../../test/support/query-fixture.ts';
import type { ChatEvent } from '../../event.ts';
import { typeName } from '../../index/event-numbers.ts';
import { OPEN_GATE } from '../../privacy/privacy-gate.ts';
import { MESSAGE_TYPES, type MessagesAnswer } from '../answer-messages.ts';

const NOW = Date.UTC(2026, 9, 5);

/** All pages of a question, and what the last one says. */
async function walk(
  api: TestApi,
  query: string,
  limit: number,
): Promise<{ keys: string[]; last: MessagesAnswer; pages: number }> {
  const keys: string[] = [];
  let cursor = '';
  for (let pages = 1; ; pages++) {
    const { status, body } = await api.get<MessagesAnswer>(`/api/messages?${query}&limit=${limit}${cursor}`);
    expect(status, JSON.stringify(body)).toBe(200);
    expect(body.messages.length).toBeLessThanOrEqual(limit);
    keys.push(...body.messages.map(({ key }) => key));
    if (!body.hasMore) return { keys, last: body, pages };
    cursor = `&cursor=${body.nextCursor}`;
  }
}

interface Asked {
  query: string;
  matches: (message: PlainMessage) => boolean;
}

const has = (text: string, word: string) =>
  new RegExp(`(?<![\\p{L}\\p{N}])${word}(?![\\p{L}\\p{N}])`, 'iu').test(text);

const QUESTIONS: Asked[] = [
  { query: 'type=all', matches: () => true },
  { query: 'channel=xqc', matches: ({ event }) => event.channel === 'xqc' },
  { query: 'channel=%23XQC&platform=twitch', matches: ({ event }) => event.channel === 'xqc' },
  { query: 'channel=talk&type=all', matches: ({ event }) => event.channel === '#talk' },
  { query: 'platform=irc-libera&type=join,part', matches: ({ event }) => event.platform === 'irc-libera' },
  { query: 'user=id:101&type=all', matches: ({ row }) => row.user_key === '101' },
  {
    query: 'user=bob&platform=irc-libera',
    matches: ({ row }) => row.user_key === '~bob' && row.platform === 'irc-libera',
  },
  {
    query: 'user=CEE&platform=irc-libera&type=all',
    matches: ({ row }) => row.user_key === '~cee' && row.platform === 'irc-libera',
  },
  {
    query: 'channel=lirik&user=id:103',
    matches: ({ row, event }) => row.user_key === '103' && event.channel === 'lirik',
  },
  { query: 'direction=outgoing', matches: ({ event }) => event.direction === 'outgoing' },
  {
    query: 'direction=incoming&channel=xqc',
    matches: ({ event }) => event.direction !== 'outgoing' && event.channel === 'xqc',
  },
  { query: 'context=private', matches: ({ event }) => event.type === 'private' },
  { query: 'badge=vip/1', matches: ({ event }) => event.badges?.includes('vip/1') === true },
  { query: 'command=!song', matches: ({ row }) => row.command === 'song' },
  {
    query: 'command=uptime&channel=xqc',
    matches: ({ row, event }) => row.command === 'uptime' && event.channel === 'xqc',
  },
  { query: 'search=kappa', matches: ({ event }) => has(event.message, 'kappa') },
  {
    query: 'search=hello&channel=xqc',
    matches: ({ event }) => has(event.message, 'hello') && event.channel === 'xqc',
  },
  {
    query: 'search=now+-line&user=id:100',
    matches: ({ event, row }) => has(event.message, 'now') && row.user_key === '100',
  },
  { query: 'channel=nowhere', matches: () => false },
  { query: 'user=nobody', matches: () => false },
];

describe.each(['PostgreSQL 15', 'PGlite'] as const)('GET /api/messages on %s', (kind) => {
  let database: TestDatabase;
  let api: TestApi;
  let messages: PlainMessage[];
  beforeAll(async () => {
    database = await openDatabase(kind);
    await loadWorld(database, { seed: 11, lines: kind === 'PGlite' ? 300 : 900 }, NOW);
    await database.session((session) => session.exec('ANALYZE'));
    api = await openApi({ database, overrides: { now: () => NOW } });
    messages = await everyMessage(database);
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  /** Straight from all rows. */
  function expected({ query, matches }: Asked): string[] {
    const parameters = new URLSearchParams(query);
    const types = parameters.get('type')?.split(',') ?? [...MESSAGE_TYPES];
    const [since, until] = ['since', 'until'].map((name) => parameters.get(name));
    const isOldest = parameters.get('order') === 'oldest';
    return messages
      .filter((message) => matches(message))
      .filter(({ row }) => types[0] === 'all' || types.includes(typeName(row.type)))
      .filter(({ row }) => parameters.has('includeDeleted') || row.deleted_at === null)
      .filter(
        ({ row }) =>
          (!since || row.ts.getTime() >= Date.parse(since)) &&
          (!until || row.ts.getTime() < Date.parse(until)),
      )
      .sort(({ row: a }, { row: b }) => a.ts.getTime() - b.ts.getTime() || (a.key < b.key ? -1 : 1))
      .map(({ row }) => row.key)
      [isOldest ? 'slice' : 'reverse']();
  }

  it.each(QUESTIONS)('answers $query page by page with each message once', async (asked) => {
    const random = seededRandom(asked.query.length);
    const ways = [
      '',
      '&order=oldest',
      '&includeDeleted=true',
      '&since=2026-09-30T12:00:00Z&until=2026-10-01T09:30:00Z',
      '&order=asc&since=2026-09-30T12:00:00Z',
    ];
    for (const way of kind === 'PGlite' ? ways.slice(0, 2) : ways) {
      const query = asked.query + way.replace('asc', 'oldest');
      const wanted = expected({ ...asked, query });
      const { keys, last } = await walk(api, asked.query + way, 30 + random(90));
      expect(keys, query).toEqual(wanted);
      expect([last.total, last.totalIsEstimate], query).toEqual([wanted.length, false]);
    }
  });

  it('passes over as many as offset says', async () => {
    const wanted = expected({ query: 'channel=xqc', matches: ({ event }) => event.channel === 'xqc' });
    const { body } = await api.get<MessagesAnswer>('/api/messages?channel=xqc&offset=7&limit=5');
    expect(body.messages.map(({ key }) => key)).toEqual(wanted.slice(7, 12));
    const beyond = await api.get<MessagesAnswer>('/api/messages?channel=xqc&offset=9999');
    expect(beyond.body).toMatchObject({ messages: [], hasMore: false });
    const search = await api.get<MessagesAnswer>('/api/messages?search=hello&offset=3&limit=4');
    const found = expected({ query: '', matches: ({ event }) => has(event.message, 'hello') });
    expect(search.body.messages.map(({ key }) => key)).toEqual(found.slice(3, 7));
  });

  it('estimates a total where there are more pages', async () => {
    const { body } = await api.get<MessagesAnswer>('/api/messages?channel=xqc&limit=2');
    const all = expected({ query: 'includeDeleted=true', matches: ({ event }) => event.channel === 'xqc' });
    expect(body).toMatchObject({ totalIsEstimate: true, hasMore: true });
    expect(body.total).toBeGreaterThan(2);
    expect(body.total).toBeLessThanOrEqual(all.length * 2);
  });
});

describe('GET /api/messages', () => {
  let database: TestDatabase;
  let api: TestApi;
  let serial = 0;
  beforeAll(async () => {
    database = await openDatabase('PostgreSQL 15');
    api = await openApi({ database, overrides: { now: () => NOW } });
  });
  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  function event(channel: string, timeMs: number, more: Partial<ChatEvent> = {}): ChatEvent {
    const id = `00000000-0000-4000-8000-${String(++serial).padStart(12, '0')}`;
    const timestamp = new Date(timeMs).toISOString();
    return {
      timestamp,
      channel,
      username: 'ann',
      user_id: '2',
      message: `text ${serial}`,
      platform: 'twitch',
      id,
      ...more,
    };
  }

  it('neither misses nor repeats a message where many have one time, and new ones arrive meanwhile', async () => {
    const at = Date.UTC(2026, 8, 30, 23, 59, 59, 990);
    const events = Array.from({ length: 90 }, (_, index) => event('ties', at + (index % 3) * 10));
    await loadEvents(database, 'ties', events, NOW);
    for (const order of ['newest', 'oldest']) {
      const found: string[] = [];
      let cursor = '';
      for (let page = 0; ; page++) {
        const { body } = await api.get<MessagesAnswer>(
          `/api/messages?channel=ties&order=${order}&limit=7${cursor}`,
        );
        found.push(...body.messages.map(({ key }) => key));
        if (!body.hasMore) break;
        cursor = `&cursor=${body.nextCursor}`;
        if (order === 'newest' && page < 3)
          await loadEvents(database, `new-${page}`, [event('ties', at + 60_000)], NOW);
      }
      const late = order === 'oldest' ? 3 : 0;
      expect(new Set(found).size).toBe(found.length);
      expect(found.length).toBe(events.length + late);
    }
  });

  it('goes on through what does not match, a bounded number of rows at a time', async () => {
    const at = Date.UTC(2026, 8, 10);
    const events = Array.from({ length: 25_000 }, (_, index) =>
      event('rare', at + index * 10, index === 3 ? { direction: 'outgoing' } : {}),
    );
    await loadEvents(database, 'rare', events, NOW);
    const first = await api.get<MessagesAnswer>('/api/messages?channel=rare&direction=outgoing');
    expect(first.body).toMatchObject({ messages: [], hasMore: true });
    const { keys, pages } = await walk(api, 'channel=rare&direction=outgoing', 50);
    expect(keys).toEqual([events[3]!.id]);
    expect(pages).toBeLessThan(30);
  });

  it('finds the messages of a channel that has been silent for years', async () => {
    const old = [event('silent', Date.UTC(2023, 1, 3)), event('silent', Date.UTC(2024, 6, 5))];
    await loadEvents(database, 'silent', old, NOW);
    const { body } = await api.get<MessagesAnswer>('/api/messages?channel=silent');
    expect(body.messages.map(({ key }) => key)).toEqual([old[1]!.id, old[0]!.id]);
    expect(body).toMatchObject({ total: 2, totalIsEstimate: false });
    const user = await api.get<MessagesAnswer>('/api/messages?user=ann&order=oldest&limit=1');
    expect(user.body.messages[0]?.key).toBe(old[0]!.id);
  });

  it('says everything about a message', async () => {
    const at = Date.UTC(2026, 8, 20);
    const line = event('full', at, {
      message: 'look 👍',
      direction: 'outgoing',
      action: true,
      display_name: 'Ann',
      emotes: [{ id: '25', ranges: [[0, 3]] }],
      badges: ['vip/1'],
      media: [{ url: 'https://e.x/a.png', mime: 'image/png', size_bytes: 3 }],
      command: { name: '!song', status: 'failed', error: 'no song' },
      tags: { color: '#FF0000', turbo: true as const },
      received_at: new Date(at + 50).toISOString(),
    });
    const deletion = event('full', at + 1_000, {
      type: 'delete',
      username: '',
      user_id: '',
      message: '',
      target: 'ann',
      target_message_id: line.id!,
      moderator: 'bob',
      reason: 'rude',
    });
    await loadEvents(database, 'full', [line, deletion], NOW);
    const absent = await api.get<MessagesAnswer>('/api/messages?channel=full');
    expect(absent.body.messages).toEqual([]);
    const { body } = await api.get<MessagesAnswer>('/api/messages?channel=full&includeDeleted=true');
    expect(body.messages).toEqual([
      {
        key: line.id,
        id: line.id,
        timestamp: line.timestamp,
        receivedAt: line.received_at,
        platform: 'twitch',
        channel: 'full',
        type: 'message',
        direction: 'outgoing',
        context: 'group',
        userId: '2',
        username: 'ann',
        displayName: 'Ann',
        text: 'look 👍',
        action: true,
        emotes: line.emotes,
        badges: ['vip/1'],
        media: [{ url: 'https://e.x/a.png', mime: 'image/png', sizeBytes: 3 }],
        command: { name: 'song', status: 'failed', error: 'no song' },
        tags: line.tags,
        deleted: {
          at: deletion.timestamp,
          action: deletion.id,
          type: 'delete',
          moderator: 'bob',
          reason: 'rude',
        },
      },
    ]);
    const failed = await api.get<MessagesAnswer>('/api/messages/failed?channel=full&includeDeleted=true');
    expect(failed.body.messages.map(({ key }) => key)).toEqual([line.id]);
    const media = await api.get<MessagesAnswer>('/api/messages/media?includeDeleted=yes');
    expect(media.body.messages.map(({ key }) => key)).toEqual([line.id]);
  });

  it('answers one message with its thread, its history and what is around it', async () => {
    const at = Date.UTC(2026, 8, 21);
    const told = Array.from({ length: 9 }, (_, index) =>
      event(
        'thread',
        at + index * 1_000,
        index === 5 || index === 6 ? {} : { username: `u${index}`, user_id: `9${index}` },
      ),
    );
    const [root, , , , subject] = told as [ChatEvent, ChatEvent, ChatEvent, ChatEvent, ChatEvent];
    subject.reply_to = root.id!;
    told[6]!.reply_to = subject.id!;
    told[7]!.reply_to = told[6]!.id!;
    const edit = event('thread', at + 20_000, {
      type: 'edit',
      target_message_id: subject.id!,
      message: 'better',
    });
    const state = event('thread', at + 21_000, {
      type: 'status',
      target_message_id: subject.id!,
      message: '',
      platform_event: 'read',
    });
    await loadEvents(database, 'thread', [...told, edit, state], NOW);
    const { body } = await api.get<Record<string, unknown>>(`/api/messages/${subject.id}?context=2`);
    expect(body).toMatchObject({
      message: { key: subject.id, edited: { at: edit.timestamp, text: 'better' }, status: 'read' },
      thread: {
        root: { key: root.id },
        replies: [{ key: subject.id }, { key: told[6]!.id }, { key: told[7]!.id }],
      },
      edits: [{ at: edit.timestamp, text: 'better' }],
      deliveries: [{ at: state.timestamp, status: 'read' }],
      context: {
        before: [{ key: told[2]!.id }, { key: told[3]!.id }],
        after: [{ key: told[5]!.id }, { key: told[6]!.id }],
      },
    });
    const odd = event('thread', at + 30_000, { id: 'no uuid/at all' });
    await loadEvents(database, 'odd-id', [odd], NOW);
    const byId = await api.get<{ message: { id: string } }>(`/api/messages/${encodeURIComponent(odd.id!)}`);
    expect(byId.body.message.id).toBe(odd.id);
    expect((await api.get('/api/messages/never')).status).toBe(404);
    expect((await api.get(`/api/messages/${subject.id}?platform=irc-libera`)).status).toBe(404);
  });

  it('lets what is over be reused, and has what is not asked for again', async () => {
    const past = await api.get('/api/messages?channel=full&until=2026-09-30');
    expect(past.headers['cache-control']).toBe('public, max-age=600');
    const now = await api.get('/api/messages?channel=full');
    expect(now.headers['cache-control']).toBe('public, no-cache');
    const again = await api.get('/api/messages?channel=full', { 'if-none-match': String(now.headers.etag) });
    expect(again.status).toBe(304);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=x', 'limit'],
    ['offset=10001', 'offset'],
    ['offset=-1', 'offset'],
    ['since=yesterday', 'since'],
    ['since=2026-10-02&until=2026-10-01', 'until'],
    ['type=message,nonsense', 'type'],
    ['order=random', 'order'],
    ['cursor=abc', 'cursor'],
    ['cursor=WzEsMl0', 'cursor'],
    ['direction=up', 'direction'],
    ['search=%21%3F', 'search'],
    ['channel=', 'channel'],
  ])('refuses %s and says which parameter is wrong', async (query, parameter) => {
    const { status, body } = await api.get<{ error: { code: string; details: { parameter: string }[] } }>(
      `/api/messages?${query}`,
    );
    expect([status, body.error.code, body.error.details[0]?.parameter]).toEqual([
      400,
      'invalid_parameters',
      parameter,
    ]);
  });

  it('refuses a range that is too long', async () => {
    const { status, body } = await api.get('/api/messages?since=2020-01-01&until=2026-01-01');
    expect([status, body]).toMatchObject([400, { error: { code: 'range_too_long' } }]);
  });

  it('leaves out who and what asked to be left out', async () => {
    const at = Date.UTC(2026, 8, 22);
    const private_ = event('hidden', at, { username: 'zoe', user_id: '77' });
    const about = event('open', at, {
      type: 'ban',
      username: '',
      user_id: '',
      message: '',
      target: 'zoe',
      target_user_id: '77',
    });
    const seen = event('open', at + 1, {
      reply_to: private_.id!,
      tags: { 'reply-parent-user-id': '77', 'reply-parent-msg-body': 'what zoe said', color: 'red' },
      raw: '@reply-parent-user-id=77;reply-parent-msg-body=what\\szoe\\ssaid PRIVMSG #open :yes',
    });
    await loadEvents(database, 'privacy', [private_, about, seen], NOW);
    await using gated = await openApi({
      database,
      overrides: {
        now: () => NOW,
        privacy: {
          ...OPEN_GATE,
          isEmpty: false,
          isUserOptedOut: (platform, userKey) => platform === 'twitch' && userKey === '77',
          isChannelOptedOut: (_platform, channel) => channel === 'hidden',
        },
      },
    });
    const open = await gated.get<MessagesAnswer>('/api/messages?channel=open&type=all');
    expect(open.body.messages.map(({ key }) => key)).toEqual([seen.id]);
    expect(open.body.messages[0]!.tags).toMatchObject({ 'reply-parent-msg-body': '', color: 'red' });
    const whole = await gated.get(`/api/messages/${seen.id}?context=2`);
    const found = await gated.get(
      `/api/messages/search?q=${seen.message.split(' ')[0]}&since=2026-09-22&until=2026-09-23&channel=open`,
    );
    for (const { status, body } of [open, whole, found]) {
      expect(status).toBe(200);
      expect(JSON.stringify(body)).toContain(seen.id);
      expect(JSON.stringify(body)).not.toMatch(/zoe|replyTo|replyKey/);
    }
    expect((await gated.get<MessagesAnswer>('/api/messages?channel=hidden')).body.messages).toEqual([]);
    expect((await gated.get<MessagesAnswer>('/api/messages?user=zoe')).body.messages).toEqual([]);
    expect((await gated.get(`/api/messages/${private_.id}`)).status).toBe(404);
    expect((await gated.get('/api/users/zoe')).status).toBe(404);
    expect((await gated.get('/api/channels/hidden')).status).toBe(404);
    expect((await gated.get('/api/mod-actions?channel=open')).body).toMatchObject({ modActions: [] });
  });
});
