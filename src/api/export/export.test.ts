import type { AddressInfo } from 'node:net';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { BIG_CHANNEL, makeBigDay } from '../../../test/support/big-day.ts';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { irc } from '../../../test/support/irc-event.ts';
import { archiveEvents, loadEvents } from '../../../test/support/log-events.ts';
import { FOREVER, logViewerApp } from '../../../test/support/log-viewer-app.ts';
import { CHANNEL, logEvents, USER } from '../../../test/support/log-viewer-fixture.ts';
import { slowReader } from '../../../test/support/slow-reader.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { csvCell } from '../../archive/formats/csv.ts';
import type { ChatEvent } from '../../event.ts';
import type { Database } from '../../index/database/database.ts';
import { OPEN_GATE } from '../../privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { createToken } from '../tokens/token-store.ts';
import { registerExportRoutes } from './export-route.ts';

const FLOOR = '2019-10-01T00:00:00.000Z';
const FORMULAS = ['=1+1', '+49', '-1', '@SUM(A1)', '\tx', 'a "quoted", thing', '=cmd|" /C calc"!A0'];
const formulaEvents = FORMULAS.map((message, index) => ({
  ...irc(`@time=2019-09-15T10:00:0${index}.000Z;msgid=f${index} :Eve!eve@host PRIVMSG #csv :x`),
  message,
}));
const events: ChatEvent[] = [
  ...logEvents(),
  ...formulaEvents,
  irc('@time=2019-09-15T10:01:00.000Z :Eve!eve@host JOIN #csv'),
];

let database: TestDatabase;
let directory: TempDir;
let authorization: string;
let app: ApiApp;

const open = (overrides: Partial<ApiContext> = {}, config = FOREVER, db: Database = database) =>
  logViewerApp({ database: db, config, overrides, register: registerExportRoutes });

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  directory = await tempDir('export');
  await loadEvents(database, events, { config: FOREVER });
  authorization = `Bearer ${(await createToken(database, { scope: 'export', name: 'test' })).token}`;
  app = await open();
});

afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const get = (url: string, from = app, headers: Record<string, string> = {}) =>
  from.inject({ url, headers: { authorization, ...headers } });
const linesOf = (body: string) => body.split('\n').slice(0, -1);
const json = (list: readonly ChatEvent[]) => list.map((event) => JSON.stringify(event));
const rising = (list: readonly string[]) => {
  const times = list.map((line) => (JSON.parse(line) as ChatEvent).timestamp);
  return times.every((time, index) => index === 0 || times[index - 1]! <= time);
};

describe('GET /api/export', () => {
  it('needs a token of scope export', async () => {
    expect((await app.inject('/api/export')).statusCode).toBe(401);
    const { token } = await createToken(database, { scope: 'read', name: 'reader' });
    const response = await app.inject({ url: '/api/export', headers: { authorization: `Bearer ${token}` } });
    expect(response.statusCode).toBe(403);
  });

  it('gives every line byte for byte', async () => {
    const response = await get('/api/export');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('application/x-ndjson');
    expect(response.headers['content-disposition']).toBe('attachment; filename="chatlog_all_20200115.jsonl"');
    expect(response.headers['cache-control']).toBe('no-store');
    expect(linesOf(response.body).sort()).toEqual(json(events).sort());
  });

  it('of one channel is in order of time', async () => {
    const lines = linesOf((await get(`/api/export?channel=${CHANNEL}`)).body);
    expect(lines.toSorted()).toEqual(json(events.filter(({ channel }) => channel === CHANNEL)).sort());
    expect(rising(lines)).toBe(true);
  });

  it.each<[string, (event: ChatEvent) => boolean]>([
    ['channel=%23CHATLOG', ({ channel }) => channel === '#chatlog'],
    ['platform=irc-libera', ({ platform }) => platform === 'irc-libera'],
    [`user=${USER.login}`, (e) => e.user_id === USER.id || e.target_user_id === USER.id],
    [
      `user=id:${USER.id}&channel=${CHANNEL}`,
      (e) => e.channel === CHANNEL && (e.user_id === USER.id || e.target_user_id === USER.id),
    ],
    ['type=ban,clear,delete', ({ type }) => type === 'ban' || type === 'clear' || type === 'delete'],
    ['type=message&channel=forsen', ({ type, channel }) => type === undefined && channel === 'forsen'],
    [
      'since=2019-09-15T00:01:00Z&until=2019-09-17T23:58:00Z',
      ({ timestamp }) => timestamp >= '2019-09-15T00:01:00.000Z' && timestamp < '2019-09-17T23:58:00.000Z',
    ],
  ])('with %s gives those alone', async (query, keep) => {
    const response = await get(`/api/export?${query}`);
    expect(response.statusCode).toBe(200);
    const expected = json(events.filter(keep)).sort();
    expect(expected.length).toBeGreaterThan(0);
    expect(linesOf(response.body).sort()).toEqual(expected);
  });

  it.each([
    ['channel=nobody', 404],
    ['until=2019-01-01&since=2020-01-01', 400],
    ['type=gap', 400],
    ['format=xlsx', 400],
    ['nonsense=1', 400],
  ])('with %s is %i', async (query, status) => {
    expect((await get(`/api/export?${query}`)).statusCode).toBe(status);
  });

  it('of a time without lines is empty', async () => {
    const response = await get('/api/export?since=2018-01-01&until=2018-02-01');
    expect([response.statusCode, response.body]).toEqual([200, '']);
    const csv = await get('/api/export?since=2018-01-01&until=2018-02-01&format=csv');
    expect(csv.body).toMatch(/^timestamp,platform,channel,type,[a-z_,]+\r\n$/);
  });

  it('names its file after what is in it, and never by characters that a header or a disk minds', async () => {
    const name = async (query: string) => (await get(`/api/export?${query}`)).headers['content-disposition'];
    expect(await name('channel=%23chatlog&since=2019-09-01&until=2019-10-01&format=csv')).toBe(
      'attachment; filename="chatlog_chatlog_20190901_20191001.csv"',
    );
  });

  it('as CSV lets no cell be a formula', async () => {
    const response = await get('/api/export?channel=csv&type=message&format=csv');
    expect(response.headers['content-type']).toMatch(/^text\/csv/);
    const rows = response.body.split('\r\n').slice(0, -1);
    expect(rows).toHaveLength(FORMULAS.length + 1);
    const [, ...cells] = rows.map((row) => row.split(',').slice(7).join(','));
    expect(cells.map((cell) => cell.slice(0, 12))).toEqual([
      expect.stringMatching(/^'=1\+1,/),
      expect.stringMatching(/^'\+49,/),
      expect.stringMatching(/^'-1,/),
      expect.stringMatching(/^'@SUM\(A1\),/),
      expect.stringMatching(/^'\tx,/),
      expect.stringMatching(/^"a ""quoted/),
      expect.stringMatching(/^"'=cmd\|""/),
    ]);
  });

  it('as text is what a person reads', async () => {
    const { body } = await get('/api/export?channel=csv&since=2019-09-15T10:00:05Z&format=text');
    expect(body).toBe(
      [
        '[2019-09-15 10:00:05] #csv Eve: a "quoted", thing',
        '[2019-09-15 10:00:06] #csv Eve: =cmd|" /C calc"!A0',
        '[2019-09-15 10:01:00] #csv Eve: (join)',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['gzip', gunzipSync],
    ['zstd', zstdDecompressSync],
  ] as const)('is compressed with %s where the client takes it', async (encoding, decompress) => {
    const plain = await get(`/api/export?channel=${CHANNEL}`);
    for (const format of ['jsonl', 'csv', 'text']) {
      const response = await get(`/api/export?channel=${CHANNEL}&format=${format}`, app, {
        'accept-encoding': encoding,
      });
      expect(response.headers['content-encoding']).toBe(encoding);
      if (format === 'jsonl') expect(decompress(response.rawPayload).toString()).toBe(plain.body);
    }
  });

  it('goes on in the archive where the index does not reach', async () => {
    await using own = await openDatabase('PostgreSQL 15');
    await archiveEvents(
      directory.path,
      events.filter(({ timestamp }) => timestamp < FLOOR),
    );
    // Of the present alone; the rest was never loaded.
    const config = { ...FOREVER, defaults: { ...FOREVER.defaults, retention_days: 106 } };
    await loadEvents(
      own,
      events.filter(({ timestamp }) => timestamp >= FLOOR),
      { config: FOREVER },
    );
    await own.transaction(({ query }) =>
      query(
        "INSERT INTO channels (platform, name) VALUES ('irc-libera', '#chatlog'), ('twitch', 'forsen'), ('irc-libera', '#csv'), ('twitch', '*') ON CONFLICT DO NOTHING",
      ),
    );
    const { token } = await createToken(own, { scope: 'export', name: 'test' });
    const store = await createDirectoryObjectStore(directory.path);
    const beyond = await open({ store }, config, own);
    onTestFinished(() => beyond.close());
    const headers = { authorization: `Bearer ${token}` };
    const all = await beyond.inject({ url: '/api/export', headers });
    expect(linesOf(all.body).sort()).toEqual(json(events).sort());
    const one = await beyond.inject({ url: `/api/export?channel=${CHANNEL}`, headers });
    expect(linesOf(one.body)).toEqual(linesOf((await get(`/api/export?channel=${CHANNEL}`)).body));
  });

  it('has nothing of people and channels that opted out', async () => {
    const privacy = {
      ...OPEN_GATE,
      isEmpty: false,
      isUserOptedOut: (_: string, key: string) => key === USER.id,
      isChannelOptedOut: (_: string, channel: string) => channel === 'forsen',
    };
    const guarded = await open({ privacy });
    onTestFinished(() => guarded.close());
    const lines = linesOf((await get('/api/export', guarded)).body).map(
      (line) => JSON.parse(line) as ChatEvent,
    );
    expect(lines.length).toBeGreaterThan(1_000);
    expect(
      lines.filter((e) => e.channel === 'forsen' || e.user_id === USER.id || e.target_user_id === USER.id),
    ).toEqual([]);
    expect((await get('/api/export?channel=forsen', guarded)).statusCode).toBe(404);
    expect((await get(`/api/export?user=${USER.login}`, guarded)).body).toBe('');
  });

  it('is made no faster than it is taken, and no longer than somebody takes it', async () => {
    await using big = await openDatabase('PostgreSQL 15');
    const messages = 60_000;
    await makeBigDay(big, messages);
    const { token } = await createToken(big, { scope: 'export', name: 'test' });
    const seen = { reads: 0, running: 0 };
    const counted: Database = {
      ...big,
      read: async (work, options) => {
        seen.reads++;
        seen.running++;
        return big.read(work, options).finally(() => seen.running--);
      },
    };
    const served = await open({}, FOREVER, counted);
    await served.listen({ port: 0, host: '127.0.0.1' });
    onTestFinished(() => served.close());
    const { port } = served.server.address() as AddressInfo;
    const path = `/api/export?channel=${BIG_CHANNEL}&format=csv`;
    const reader = await slowReader(port, path, { authorization: `Bearer ${token}` });
    let before = -1;
    let quiet = 0;
    const standstill = async () => {
      await waitFor('the reading to stand still', () => {
        quiet = seen.reads === before && seen.running === 0 ? quiet + 1 : 0;
        before = seen.reads;
        return quiet >= 25;
      });
      return before;
    };
    expect(await standstill()).toBeLessThan(messages / 1_000 - 5);
    const readsThen = seen.reads;
    reader.socket.destroy();
    expect(await standstill()).toBeLessThanOrEqual(readsThen + 1);
  });
});

describe('a cell of CSV', () => {
  it.each([
    [undefined, ''],
    [-5, '-5'],
    ['plain', 'plain'],
    ['a\nb', '"a\nb"'],
    ['\rx', '"\'\rx"'],
  ])('of %j is %j', (value, cell) => {
    expect(csvCell(value)).toBe(cell);
  });
});
