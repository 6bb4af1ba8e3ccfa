/** The log viewers' API, statement by statement: what clients of justlog and rustlog rely on. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiContext } from '../../../test/support/api-context.ts';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { loadEvents } from '../../../test/support/log-events.ts';
import {
  BYTES_LINE,
  CHANNEL,
  CHANNEL_ID,
  IRC_LINES,
  LOG_LINES,
  logEvents,
  NOW_MS,
  ODD_LINES,
  OTHER_CHANNEL,
  OTHER_CHANNEL_ID,
  type SaidLine,
  USER,
} from '../../../test/support/log-viewer-fixture.ts';
import { configSchema } from '../../config/schema.ts';
import { parseTags, splitIrcLine } from '../../connectors/irc-line.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { createApiApp } from '../app.ts';
import type { PeerMessage } from './peer-message.ts';
import { registerPeerRoutes } from './register-peer-routes.ts';

const config = configSchema.parse({
  defaults: { retention_days: 'forever' },
  http: { rate_limit: 1_000_000 },
  twitch: { channels: [CHANNEL] },
});
const RECORDER: ApiContext['recorder'] = {
  channelStates: () => [{ platform: 'twitch', channel: CHANNEL, state: 'joined' }],
} as unknown as NonNullable<ApiContext['recorder']>;

/** What chance says next. */
const numbers: number[] = [];
let database: TestDatabase;
let app: ApiApp;

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  await loadEvents(database, logEvents(), { config });
  const overrides = { config: () => config, now: () => NOW_MS, recorder: RECORDER };
  app = await createApiApp(apiContext({ database, overrides }));
  registerPeerRoutes(app, apiContext({ database, overrides }), { random: () => numbers.shift() ?? 0.5 });
  await app.ready();
});

afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
});

type Headers = Record<string, string>;
const get = (url: string, headers: Headers = {}) => app.inject({ url, headers });
const ok = async (url: string, headers: Headers = {}) => {
  const response = await get(url, headers);
  expect(response.statusCode, `${url}: ${response.body.slice(0, 200)}`).toBe(200);
  return response;
};
const rawLines = async (url: string) => {
  const { body } = await ok(url);
  expect(body === '' || body.endsWith('\r\n')).toBe(true);
  return body.split('\r\n').slice(0, -1);
};
const messagesOf = async (url: string) => (await ok(url)).json().messages as PeerMessage[];

const DAY_MS = 86_400_000;
const ms = (text: string) => Date.parse(text);
const linesOf = (keep: (line: SaidLine) => boolean) => LOG_LINES.filter(keep).map(({ line }) => line);
const inTime = (from: string, to: string, channel = CHANNEL) =>
  linesOf((each) => each.channel === channel && each.timeMs >= ms(from) && each.timeMs < ms(to));
const sentMs = (line: string) => Number(/tmi-sent-ts=(\d+)/.exec(line)![1]);
const isRising = (lines: readonly string[]) =>
  lines.every((line, index) => index === 0 || sentMs(lines[index - 1]!) <= sentMs(line));
const concernsUser = ({ userId, line }: SaidLine) => userId === USER.id && !line.includes('CLEARMSG');

describe('GET /channel/{c}/{Y}/{M}/{D}', () => {
  it('is one channel day, every line exactly as it came, in order of time', async () => {
    const lines = await rawLines(`/channel/${CHANNEL}/2019/9/15?raw`);
    expect(isRising(lines)).toBe(true);
    expect(lines.toSorted()).toEqual(inTime('2019-09-15T00:00:00Z', '2019-09-16T00:00:00Z').sort());
    expect(lines).toContain(ODD_LINES.unsortedTags);
  });

  it.each([
    ['by id', `/channelid/${CHANNEL_ID}/2019/9/15?raw`],
    ['with a padded date', `/channel/${CHANNEL}/2019/09/15?raw`],
    ['with a trailing slash', `/channel/${CHANNEL}/2019/9/15/?raw`],
    ['with #', `/channel/%23${CHANNEL}/2019/9/15?raw`],
    ['as type=raw', `/channel/${CHANNEL}/2019/9/15?type=raw`],
    ['with a value that says no', `/channel/${CHANNEL}/2019/9/15?raw=false`],
  ])('is the same %s', async (_, url) => {
    expect((await ok(url)).body).toBe((await ok(`/channel/${CHANNEL}/2019/9/15?raw`)).body);
  });

  it('is of that channel alone', async () => {
    const lines = await rawLines(`/channel/${OTHER_CHANNEL}/2019/9/15?raw`);
    expect(lines.toSorted()).toEqual(inTime('2019-09-15', '2019-09-16', OTHER_CHANNEL).sort());
  });

  it('ends at midnight and goes on after it', async () => {
    for (const [day, next] of [
      ['2019-09-17', '2019-09-18'],
      ['2019-09-18', '2019-09-19'],
      ['2019-09-30', '2019-10-01'],
      ['2019-10-01', '2019-10-02'],
    ] as const) {
      const lines = await rawLines(`/channel/${CHANNEL}/${day.replaceAll('-', '/')}?raw`);
      expect(lines.length).toBeGreaterThan(100);
      expect(lines.toSorted()).toEqual(inTime(day, next).sort());
    }
  });

  it('without messages inside the recorded span answers 200 and nothing', async () => {
    const response = await ok(`/channel/${CHANNEL}/2019/9/16`);
    expect(response.body).toBe('');
    expect((await ok(`/channel/${CHANNEL}/2019/9/16?json`)).json()).toEqual({ messages: [] });
    expect((await ok(`/channel/${CHANNEL}/2019/9/16?ndjson`)).body).toBe('');
    expect((await ok(`/channel/${CHANNEL}/2019/9/16?raw`)).body).toBe('');
  });

  it.each([
    ['before anything was recorded', `/channel/${CHANNEL}/2019/8/1`],
    ['in the future', `/channel/${CHANNEL}/2020/1/16`],
    ['of an unknown channel', '/channel/nobody/2019/9/15'],
    ['of an unknown id', '/channelid/1/2019/9/15'],
    ['after the last, of a channel that is no longer recorded', `/channel/${OTHER_CHANNEL}/2019/9/16`],
    ['that is no number', `/channel/${CHANNEL}/2019/september/15`],
    ['with too much behind it', `/channel/${CHANNEL}/2019/9/15/12`],
    ['of a month alone', `/channel/${CHANNEL}/2019/9`],
  ])('%s is 404', async (_, url) => {
    const response = await get(url);
    expect([response.statusCode, response.body]).toEqual([404, 'Not found']);
    expect(response.headers['content-type']).toMatch(/^text\/plain/);
  });

  it.each(['2019/13/1', '2019/2/30', '2019/9/0', '2019/0/1'])(
    'that does not exist (%s) is 400',
    async (date) => {
      const response = await get(`/channel/${CHANNEL}/${date}`);
      expect([response.statusCode, response.body]).toEqual([400, 'Invalid param: Invalid date']);
    },
  );
});

describe('GET /channel/{c}', () => {
  it.each([`/channel/${CHANNEL}`, `/channelid/${CHANNEL_ID}`])(
    'redirects %s to the newest day with logs',
    async (path) => {
      const response = await get(path);
      expect(response.statusCode).toBe(302);
      expect(response.headers.location).toBe(`${path}/2020/1/15`);
    },
  );

  it('keeps the query, and ignores a trailing slash', async () => {
    const response = await get(`/channel/${CHANNEL}/?json&limit=5&x=a%20b`);
    expect(response.headers.location).toBe(`/channel/${CHANNEL}/2020/1/15?json&limit=5&x=a%20b`);
  });

  it('is 404 without logs', async () => {
    expect((await get('/channel/nobody')).statusCode).toBe(404);
  });

  it.each([
    ['RFC 3339, without its end', '2019-09-15T00:02:00Z', '2019-09-15T00:03:00.500Z', ''],
    ['RFC 3339 over midnight of a day', '2019-09-17T23:59:00Z', '2019-09-18T00:01:00Z', ''],
    ['RFC 3339 over midnight of a month', '2019-09-30T23:59:00Z', '2019-10-01T00:01:00Z', ''],
    ['RFC 3339 with another zone', '2019-09-15T00:02:00Z', '2019-09-15T00:03:00Z', '+02:00'],
  ])('with from and to is the range (%s)', async (_, from, to, zone) => {
    const shown = (text: string) =>
      encodeURIComponent(
        zone === '' ? text : new Date(ms(text) + 7_200_000).toISOString().replace('Z', zone),
      );
    const lines = await rawLines(`/channel/${CHANNEL}?from=${shown(from)}&to=${shown(to)}&raw`);
    expect(lines.length).toBeGreaterThan(50);
    expect(lines.toSorted()).toEqual(inTime(from, to).sort());
  });

  it('with Unix seconds includes both', async () => {
    const [from, to] = [1_568_505_660, 1_568_505_690];
    const lines = await rawLines(`/channel/${CHANNEL}?from=${from}&to=${to}&raw`);
    const expected = linesOf(
      ({ channel, timeMs }) => channel === CHANNEL && timeMs >= from * 1000 && timeMs < (to + 1) * 1000,
    );
    expect(lines.toSorted()).toEqual(expected.sort());
    expect(lines.some((line) => Math.floor(sentMs(line) / 1000) === to)).toBe(true);
  });

  it('takes now for a side that is missing', async () => {
    const lines = await rawLines(`/channel/${CHANNEL}?from=2019-12-01T00:00:00Z&raw`);
    expect(lines.toSorted()).toEqual(inTime('2019-12-01', '2020-01-15T12:00:00Z').sort());
    expect(await rawLines(`/channel/${CHANNEL}?to=2019-12-01T00:00:00Z&raw`)).toEqual([]);
  });

  it.each([
    'from=yesterday&to=1',
    'from=1&to=2019-09-31T00:00:00X',
    'from=&to=1',
    'from=2019-09-15&to=1',
    'from=-1',
  ])('with an unreadable range (%s) is 400', async (query) => {
    const response = await get(`/channel/${CHANNEL}?${query}`);
    expect(response.statusCode).toBe(400);
    expect(response.body).toMatch(/^Invalid param: (from|to) /);
    expect(response.headers['content-type']).toMatch(/^text\/plain/);
  });

  it('with a range longer than may be is 400', async () => {
    const response = await get(`/channel/${CHANNEL}?from=1&to=1568505690`);
    expect(response.statusCode).toBe(400);
    expect(response.body).toMatch(/^Invalid param: /);
  });
});

describe('GET .../user/{u}/{YYYY}/{M}', () => {
  const september = linesOf(
    (each) =>
      each.channel === CHANNEL &&
      concernsUser(each) &&
      each.timeMs >= ms('2019-09-01') &&
      each.timeMs < ms('2019-10-01'),
  );

  it('is what the user wrote in the month, and what moderation did to them', async () => {
    const lines = await rawLines(`/channel/${CHANNEL}/user/${USER.login}/2019/9?raw`);
    expect(isRising(lines)).toBe(true);
    expect(lines.toSorted()).toEqual(september.sort());
    expect(lines.some((line) => line.includes(' CLEARCHAT '))).toBe(true);
  });

  it.each([
    ['user and channel id', `/channelid/${CHANNEL_ID}/userid/${USER.id}/2019/9?raw`],
    ['user id', `/channel/${CHANNEL}/userid/${USER.id}/2019/9?raw`],
    ['channel id', `/channelid/${CHANNEL_ID}/user/${USER.login}/2019/09?raw`],
    ['the name of later', `/channel/${CHANNEL}/user/${USER.laterLogin}/2019/9?raw`],
  ])('is the same by %s', async (_, url) => {
    expect((await rawLines(url)).toSorted()).toEqual(september.sort());
  });

  it('without lines inside of the span of the user answers 200 and nothing, outside of it 404', async () => {
    expect((await ok(`/channel/${CHANNEL}/user/${USER.login}/2019/11`)).body).toBe('');
    expect((await get(`/channel/${CHANNEL}/user/${USER.login}/2020/1`)).statusCode).toBe(404);
    expect((await get(`/channel/${CHANNEL}/user/nobody_at_all/2019/9`)).statusCode).toBe(404);
    expect((await get(`/channel/${CHANNEL}/userid/1/2019/9`)).statusCode).toBe(404);
  });

  it('that does not exist is 400', async () => {
    expect((await get(`/channel/${CHANNEL}/user/${USER.login}/2019/13`)).body).toBe(
      'Invalid param: Invalid date',
    );
  });

  it('without a month redirects to the newest, by number and not by text', async () => {
    const response = await get(`/channel/${CHANNEL}/user/${USER.login}?reverse`);
    expect(response.statusCode).toBe(302);
    expect(response.headers.location).toBe(`/channel/${CHANNEL}/user/${USER.login}/2019/12?reverse`);
    expect((await get(`/channel/${CHANNEL}/user/nobody_at_all`)).statusCode).toBe(404);
    expect((await get(`/channel/${CHANNEL}/userid/${USER.id}`)).headers.location).toBe(
      `/channel/${CHANNEL}/userid/${USER.id}/2019/12`,
    );
  });

  it('with from and to is the range', async () => {
    const lines = await rawLines(
      `/channel/${CHANNEL}/user/${USER.login}?from=2019-09-15T00:02:00Z&to=2019-12-31T00:00:00Z&raw`,
    );
    const expected = linesOf(
      (each) => each.channel === CHANNEL && concernsUser(each) && each.timeMs >= ms('2019-09-15T00:02:00Z'),
    );
    expect(lines.toSorted()).toEqual(expected.sort());
  });
});

describe('formats', () => {
  const url = `/channel/${CHANNEL}/2019/9/15`;
  const noon = `/channel/${CHANNEL}?from=2019-09-15T12:00:00Z&to=2019-09-15T13:00:00Z`;

  it.each([
    ['raw&json&ndjson&jsonBasic', 'text/plain', (body: string) => body.startsWith('@')],
    ['jsonBasic&json&ndjson', 'application/json', (body: string) => !body.includes('"raw"')],
    ['json&ndjson', 'application/json', (body: string) => body.includes('"raw"')],
    ['type=json', 'application/json', (body: string) => body.startsWith('{"messages":[')],
    ['json=0', 'application/json', (body: string) => body.startsWith('{"messages":[')],
    ['ndjson', 'application/x-ndjson', (body: string) => body.startsWith('{"text":')],
    ['', 'text/plain', (body: string) => body.startsWith('[2019-09-15 ')],
  ])('%s is %s', async (query, type, isRight) => {
    const { headers, body } = await ok(`${url}?limit=3&${query}`);
    expect(headers['content-type']).toMatch(new RegExp(`^${type}`));
    expect(isRight(body)).toBe(true);
  });

  it('may be asked for by a Content-Type of JSON', async () => {
    const { headers } = await ok(`${url}?limit=1`, { 'content-type': 'application/json' });
    expect(headers['content-type']).toMatch(/^application\/json/);
    expect(headers.vary).toContain('content-type');
  });

  it('JSON says everything of a message', async () => {
    const [message] = await messagesOf(`${url}?json&limit=1`);
    const [raw] = await rawLines(`${url}?raw&limit=1`);
    expect(Object.keys(message!)).toEqual([
      'text',
      'systemText',
      'username',
      'displayName',
      'channel',
      'timestamp',
      'id',
      'type',
      'raw',
      'tags',
    ]);
    expect(message).toMatchObject({ channel: CHANNEL, type: 1, raw, systemText: '' });
    expect(message!.timestamp).toMatch(/^2019-09-15T00:\d\d:\d\d\.\d{3}Z$/);
    expect(message!.tags).toMatchObject({
      id: message!.id,
      'display-name': message!.displayName,
      emotes: expect.any(String),
    });
  });

  it('JSON has every line exactly, and every tag', async () => {
    const messages = await messagesOf(`${url}?json`);
    const raw = await rawLines(`${url}?raw`);
    expect(messages.map((message) => message.raw)).toEqual(raw);
    for (const message of messages)
      expect(message.tags).toEqual(
        Object.fromEntries(Object.entries(parseTags(splitIrcLine(message.raw).tags)!)),
      );
  });

  it('jsonBasic has neither username, channel, raw nor type', async () => {
    const [message] = await messagesOf(`${url}?jsonBasic&limit=1`);
    expect(Object.keys(message!)).toEqual(['text', 'systemText', 'displayName', 'timestamp', 'id', 'tags']);
  });

  it('ndjson is one such object a line', async () => {
    const { body } = await ok(`${url}?ndjson`);
    expect(body.endsWith('\r\n')).toBe(true);
    const objects = body
      .split('\r\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown);
    expect(objects).toEqual(await messagesOf(`${url}?json`));
  });

  it('text is [time] #channel user: text, in UTC', async () => {
    const { body } = await ok(noon);
    expect(body.split('\r\n')).toEqual([
      `[2019-09-15 12:00:01] #${CHANNEL} ann: waves`,
      `[2019-09-15 12:00:02] #${CHANNEL} ann: tags in another order;  two spaces `,
      `[2019-09-15 12:00:03] #${CHANNEL} ann: :starts with a colon \u{1F600} \u202E`,
      `[2019-09-15 12:00:04] #${CHANNEL} bob: bob has been banned`,
      `[2019-09-15 12:00:05] #${CHANNEL} ann: ann has been timed out for 600 seconds`,
      `[2019-09-15 12:00:06] #${CHANNEL} chat has been cleared`,
      `[2019-09-15 12:00:07] #${CHANNEL} ann: a message from ann has been deleted`,
      `[2019-09-15 12:00:08] #${CHANNEL} ann: Ann subscribed for 5 months! hello\\there all`,
      '',
    ]);
  });

  it('give types their numbers, and their texts', async () => {
    const messages = await messagesOf(`${noon}&json`);
    expect(messages.map(({ type, text, username }) => [type, username, text])).toEqual([
      [1, 'ann', 'waves'],
      [1, 'ann', 'tags in another order;  two spaces '],
      [1, 'ann', ':starts with a colon \u{1F600} \u202E'],
      [2, 'bob', 'bob has been banned'],
      [2, 'ann', 'ann has been timed out for 600 seconds'],
      [2, '', 'chat has been cleared'],
      [13, 'ann', 'a message from ann has been deleted'],
      [4, 'ann', 'Ann subscribed for 5 months! hello\\there all'],
    ]);
    expect(messages.at(-1)).toMatchObject({ systemText: 'Ann subscribed for 5 months!', displayName: 'Ann' });
  });
});

describe('parameters', () => {
  const url = `/channel/${CHANNEL}/2019/9/15`;

  it('reverse gives the newest first, whatever its value', async () => {
    const lines = await rawLines(`${url}?raw`);
    expect(await rawLines(`${url}?raw&reverse`)).toEqual(lines.toReversed());
    expect(await rawLines(`${url}?raw&reverse=false`)).toEqual(lines.toReversed());
  });

  it('limit and offset cut out of what was asked for, in its order', async () => {
    const lines = await rawLines(`${url}?raw`);
    expect(await rawLines(`${url}?raw&limit=10`)).toEqual(lines.slice(0, 10));
    expect(await rawLines(`${url}?raw&limit=10&offset=995`)).toEqual(lines.slice(995, 1005));
    expect(await rawLines(`${url}?raw&limit=7&offset=3&reverse`)).toEqual(lines.toReversed().slice(3, 10));
    expect(await rawLines(`${url}?raw&offset=${lines.length - 1}`)).toEqual(lines.slice(-1));
    expect(await rawLines(`${url}?raw&limit=0`)).toEqual([]);
    expect(await rawLines(`${url}?raw&offset=999999`)).toEqual([]);
  });

  it.each(['limit=-1', 'limit=ten', 'offset=1.5', 'limit='])(
    'that are no numbers (%s) are 400',
    async (query) => {
      const response = await get(`${url}?${query}`);
      expect(response.statusCode).toBe(400);
      expect(response.body).toMatch(/^Invalid param: (limit|offset) /);
    },
  );

  it('that nobody knows are passed over', async () => {
    expect((await get(`${url}?limit=1&whatever=1`)).statusCode).toBe(200);
  });
});

describe('GET .../random', () => {
  it('is one message of the channel', async () => {
    const [line, ...others] = await rawLines(`/channel/${CHANNEL}/random?raw`);
    expect(others).toEqual([]);
    expect(linesOf(({ channel, command }) => channel === CHANNEL && command === 'PRIVMSG')).toContain(line);
  });

  it('is one message of the user', async () => {
    const [message, ...others] = await messagesOf(`/channel/${CHANNEL}/user/${USER.login}/random?json`);
    expect(others).toEqual([]);
    expect(message!.tags).toMatchObject({ 'user-id': USER.id });
    expect((await ok(`/channelid/${CHANNEL_ID}/userid/${USER.id}/random`)).headers['cache-control']).toBe(
      'no-cache',
    );
  });

  it('draws any of them', async () => {
    const draws = new Set<string>();
    for (let index = 0; index < 40; index++) {
      numbers.push(index / 40, (index * 0.37) % 1);
      draws.add((await ok(`/channel/${CHANNEL}/random?raw`)).body);
    }
    expect(draws.size).toBeGreaterThan(25);
    const days = new Set([...draws].map((line) => new Date(sentMs(line)).toISOString().slice(0, 10)));
    expect(days.size).toBeGreaterThan(1);
  });

  it('is 404 of nobody', async () => {
    expect((await get('/channel/nobody/random')).statusCode).toBe(404);
    expect((await get(`/channel/${CHANNEL}/user/nobody_at_all/random`)).statusCode).toBe(404);
  });
});

describe('GET .../search?q=', () => {
  it('is the lines of the user that contain a text, whatever its case', async () => {
    const all = linesOf(
      (each) => each.channel === CHANNEL && concernsUser(each) && each.command === 'PRIVMSG',
    );
    const expected = all.filter((line) =>
      line.slice(line.indexOf(' PRIVMSG ')).toLowerCase().includes('devil may'),
    );
    expect(expected.length).toBeGreaterThan(0);
    expect(
      (await rawLines(`/channel/${CHANNEL}/user/${USER.login}/search?q=Devil%20MAY&raw`)).toSorted(),
    ).toEqual(expected.sort());
    const limited = await rawLines(`/channel/${CHANNEL}/userid/${USER.id}/search?q=e&raw&limit=2&reverse`);
    expect(limited).toHaveLength(2);
    expect(sentMs(limited[0]!)).toBeGreaterThan(sentMs(limited[1]!));
  });

  it('takes every character as itself', async () => {
    expect(await rawLines(`/channel/${CHANNEL}/user/${USER.login}/search?q=%25&raw`)).toEqual([]);
    expect(
      await rawLines(`/channel/${CHANNEL}/user/ann/search?q=${encodeURIComponent("two  ' spaces")}&raw`),
    ).toEqual([]);
    expect(await rawLines(`/channel/${CHANNEL}/user/ann/search?q=order;%20%20two&raw`)).toEqual([
      ODD_LINES.unsortedTags,
    ]);
  });

  it('without q is 400', async () => {
    expect((await get(`/channel/${CHANNEL}/user/${USER.login}/search`)).body).toMatch(/^Invalid param: q /);
  });
});

describe('GET .../stats', () => {
  const messagesIn = (from: string, to: string) =>
    LOG_LINES.filter(
      ({ channel, command, timeMs }) =>
        channel === CHANNEL && command === 'PRIVMSG' && timeMs >= ms(from) && timeMs < ms(to),
    );
  const topOf = (lines: readonly SaidLine[]) => {
    const counts = new Map<string, number>();
    for (const { userId } of lines) counts.set(userId!, (counts.get(userId!) ?? 0) + 1);
    return [...counts.values()].sort((a, b) => b - a).slice(0, 5);
  };

  it.each([
    ['everything', '', '1970-01-01', '2100-01-01'],
    ['whole days', '?from=2019-09-15T00:00:00Z&to=2019-10-01T00:00:00Z', '2019-09-15', '2019-10-01'],
    [
      'parts of days',
      '?from=2019-09-15T00:03:00Z&to=2019-09-30T23:58:30Z',
      '2019-09-15T00:03:00Z',
      '2019-09-30T23:58:30Z',
    ],
    [
      'part of a day',
      '?from=2019-09-15T00:03:00Z&to=2019-09-15T00:04:00Z',
      '2019-09-15T00:03:00Z',
      '2019-09-15T00:04:00Z',
    ],
  ])('counts messages and names the five who wrote most (%s)', async (_, query, from, to) => {
    const stats = (await ok(`/channel/${CHANNEL}/stats${query}`)).json();
    const lines = messagesIn(from, to);
    expect(stats.messageCount).toBe(lines.length);
    expect(stats.topChatters.map(({ messageCount }: { messageCount: number }) => messageCount)).toEqual(
      topOf(lines),
    );
    for (const { userId, userLogin, messageCount } of stats.topChatters) {
      expect(messageCount).toBe(lines.filter((line) => line.userId === userId).length);
      expect(userLogin).toMatch(/^[a-z0-9_]+$/);
    }
  });

  it.each([
    `/channel/${CHANNEL}/user/${USER.laterLogin}/stats`,
    `/channelid/${CHANNEL_ID}/userid/${USER.id}/stats`,
  ])('counts the messages of a user: %s', async (url) => {
    const messageCount = LOG_LINES.filter(
      (each) => each.channel === CHANNEL && concernsUser(each) && each.command === 'PRIVMSG',
    ).length;
    expect((await ok(url)).json()).toEqual({ userId: USER.id, userLogin: USER.laterLogin, messageCount });
  });

  it('of nobody is 404', async () => {
    expect((await get('/channel/nobody/stats')).statusCode).toBe(404);
    expect((await get(`/channel/${CHANNEL}/userid/1/stats`)).statusCode).toBe(404);
  });
});

describe('GET /list', () => {
  const days = [
    ...new Set(
      LOG_LINES.filter(({ channel }) => channel === CHANNEL).map(({ timeMs }) => Math.floor(timeMs / DAY_MS)),
    ),
  ]
    .sort((a, b) => b - a)
    .map((day) => new Date(day * DAY_MS))
    .map((day) => ({
      year: String(day.getUTCFullYear()),
      month: String(day.getUTCMonth() + 1),
      day: String(day.getUTCDate()),
    }));

  it.each([`channel=${CHANNEL}`, `channelid=${CHANNEL_ID}`])(
    'is the days with logs, newest first: %s',
    async (query) => {
      const response = await ok(`/list?${query}`);
      expect(response.json()).toEqual({ availableLogs: days });
      expect(response.headers['cache-control']).toBe('public, max-age=600');
    },
  );

  it.each([
    `channel=${CHANNEL}&user=${USER.login}`,
    `channel=${CHANNEL}&userid=${USER.id}`,
    `channelid=${CHANNEL_ID}&userid=${USER.id}`,
  ])('is the months of a user, without days: %s', async (query) => {
    expect((await ok(`/list?${query}`)).json()).toEqual({
      availableLogs: [
        { year: '2019', month: '12' },
        { year: '2019', month: '10' },
        { year: '2019', month: '9' },
        { year: '2019', month: '8' },
      ].filter(({ month }) =>
        LOG_LINES.some(
          (each) =>
            each.channel === CHANNEL &&
            concernsUser(each) &&
            new Date(each.timeMs).getUTCMonth() + 1 === Number(month),
        ),
      ),
    });
  });

  it('is 404 without logs, 400 without a channel', async () => {
    expect((await get('/list?channel=nobody')).statusCode).toBe(404);
    expect((await get(`/list?channel=${CHANNEL}&user=nobody_at_all`)).statusCode).toBe(404);
    expect((await get('/list')).body).toMatch(/^Invalid param: channel/);
  });
});

describe('GET /channels, /namehistory, /capabilities', () => {
  it('lists channels by id and name', async () => {
    const response = await ok('/channels');
    expect(response.json().channels).toEqual(
      expect.arrayContaining([
        { userID: CHANNEL_ID, name: CHANNEL },
        { userID: OTHER_CHANNEL_ID, name: OTHER_CHANNEL },
        { userID: 'irc-libera:#chatlog', name: '#chatlog' },
      ]),
    );
    expect(response.headers['cache-control']).toBe('public, max-age=600');
  });

  it('lists the names that a user had, with their first and last time', async () => {
    const timesOf = (login: string) =>
      LOG_LINES.filter(({ line }) => line.includes(`:${login}!`) && line.includes(' PRIVMSG ')).map(
        ({ timeMs }) => timeMs,
      );
    const entry = (login: string) => ({
      user_login: login,
      last_timestamp: new Date(Math.max(...timesOf(login))).toISOString(),
      first_timestamp: new Date(Math.min(...timesOf(login))).toISOString(),
    });
    expect((await ok(`/namehistory/${USER.id}`)).json()).toEqual([entry(USER.laterLogin), entry(USER.login)]);
    expect((await ok('/namehistory/1')).json()).toEqual([]);
  });

  it('says what it can', async () => {
    const all = ['arbitrary-range-query', 'search', 'stats', 'namehistory'];
    const response = await ok('/capabilities');
    expect(response.json()).toEqual(all);
    expect(response.headers['x-rustlog-capabilities']).toBe(all.join(','));
    expect((await ok('/channels')).headers['x-rustlog-capabilities']).toBe(all.join(','));
  });
});

describe('every answer', () => {
  it.each([
    [`/CHANNEL/${CHANNEL.toUpperCase()}/2019/9/15?json&Q=X`, `/channel/${CHANNEL}/2019/9/15?json&Q=X`],
    [`/Channel/${CHANNEL}`, `/channel/${CHANNEL}`],
    ['/List?channel=A', '/list?channel=A'],
    [`/channel/%23${CHANNEL.toUpperCase()}/2019/9/15`, `/channel/%23${CHANNEL}/2019/9/15`],
  ])('of an upper-case path is a redirect to lower case: %s', async (url, location) => {
    const response = await get(url);
    expect([response.statusCode, response.headers.location]).toEqual([307, location]);
  });

  it('leaves escapes as they are', async () => {
    expect((await get('/channel/%C3%A4/2019/9/15')).statusCode).toBe(404);
  });

  it('may be read by any page, and is what it says it is', async () => {
    const { headers } = await ok(`/channel/${CHANNEL}/2019/9/15?limit=1`, { origin: 'https://logs.example' });
    expect(headers['access-control-allow-origin']).toBe('*');
    expect(headers['x-content-type-options']).toBe('nosniff');
    const refused = await get('/channel/nobody/2019/9/15', { origin: 'https://logs.example' });
    expect(refused.headers['access-control-allow-origin']).toBe('*');
  });

  it.each(['/list', `/channel/${CHANNEL}/2019/9/15`, '/channels'])('to OPTIONS %s is 200', async (url) => {
    const response = await app.inject({
      method: 'OPTIONS',
      url,
      headers: { origin: 'https://logs.example', 'access-control-request-method': 'GET' },
    });
    expect(response.statusCode).toBe(200);
    expect(response.headers['access-control-allow-origin']).toBe('*');
  });

  it.each([
    [`/channel/${CHANNEL}/2019/9/15?limit=1`, 'public, max-age=36000'],
    [`/channel/${CHANNEL}/2019/9/16`, 'public, max-age=36000'],
    [`/channel/${CHANNEL}/user/${USER.login}/2019/9?limit=1`, 'public, max-age=36000'],
    [`/channel/${CHANNEL}/2020/1/15?limit=1`, 'no-cache'],
    [`/channel/${CHANNEL}?from=1568505660&to=1568505661`, 'no-cache'],
    [`/channel/${CHANNEL}/stats`, 'no-cache'],
    [`/channel/${CHANNEL}/random`, 'no-cache'],
  ])('of what is over may be kept, of what is not may not: %s', async (url, caching) => {
    expect((await ok(url)).headers['cache-control']).toBe(caching);
  });

  it.each(['gzip', 'zstd'])('is compressed with %s where the client takes it', async (encoding) => {
    for (const format of ['raw', 'ndjson', 'json', '']) {
      const { headers } = await ok(`/channel/${CHANNEL}/2019/9/15?${format}`, {
        'accept-encoding': encoding,
      });
      expect(headers['content-encoding']).toBe(encoding);
    }
  });
});

describe('channels of IRC', () => {
  it.each([
    ['by name', '/channel/%23chatlog/2019/9/15'],
    ['without #', '/channel/chatlog/2019/9/15'],
    ['by network and name', '/channelid/irc-libera:%23chatlog/2019/9/15'],
  ])('are served as well, byte for byte: %s', async (_, url) => {
    const response = await ok(`${url}?raw`);
    const expected = Buffer.concat([
      ...IRC_LINES.map((line) => Buffer.from(`${line}\r\n`)),
      BYTES_LINE,
      Buffer.from('\r\n'),
    ]);
    expect(response.rawPayload).toEqual(expected);
  });

  it('say who spoke and who was removed', async () => {
    const messages = await messagesOf('/channel/chatlog/2019/9/15?json');
    expect(messages.map(({ type, username, text, channel }) => [type, username, text, channel])).toEqual([
      [1, 'Ann', 'hello from IRC', '#chatlog'],
      [6, 'Bot', 'beep', '#chatlog'],
      [2, 'Ann', 'Ann has been kicked', '#chatlog'],
      [2, '*!*@host', '*!*@host has been banned', '#chatlog'],
      [1, 'Ann', 'caf\uFFFD', '#chatlog'],
    ]);
    expect((await ok('/channel/chatlog/2019/9/15?limit=1')).body).toBe(
      '[2019-09-15 09:00:00] #chatlog Ann: hello from IRC\r\n',
    );
  });

  it('have people without ids', async () => {
    const lines = await rawLines('/channel/chatlog/user/ann/2019/9?raw');
    expect(lines).toHaveLength(3);
    expect(await rawLines('/channel/chatlog/userid/ann/2019/9?raw')).toEqual(lines);
  });
});
