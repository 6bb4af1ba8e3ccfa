/** Days that retention has taken, and channels that were never indexed: answered from the archive's objects. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { archiveEvents, loadEvents, twitchEvent } from '../../../test/support/log-events.ts';
import { FOREVER, logViewerApp } from '../../../test/support/log-viewer-app.ts';
import { CHANNEL, CHANNEL_ID, LOG_LINES, logEvents, USER } from '../../../test/support/log-viewer-fixture.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { archiveOf } from '../../archive-query/archive-of.ts';
import type { Config } from '../../config/schema.ts';
import { OPEN_GATE } from '../../privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { registerPeerRoutes } from './register-peer-routes.ts';

/** In the middle of what was recorded: before it objects alone, after it rows alone. */
const FLOOR = '2019-10-01T00:00:00.000Z';
/** Up to the same day, also for channels without a floor of their own. */
const CONFIG: Config = { ...FOREVER, defaults: { ...FOREVER.defaults, retention_days: 106 } };

let directory: TempDir;
let database: TestDatabase;
let whole: TestDatabase;
let app: ApiApp;
let reference: ApiApp;
let context: ApiContext;

beforeAll(async () => {
  directory = await tempDir('beyond-retention');
  database = await openDatabase('PostgreSQL 15');
  whole = await openDatabase('PostgreSQL 15');
  const events = logEvents();
  for (const each of [database, whole]) await loadEvents(each, events, { config: FOREVER });
  // As retention leaves it.
  await database.transaction(async ({ query }) => {
    await query('INSERT INTO retention_floors SELECT id, $1::timestamptz FROM channels', [FLOOR]);
    await query('DELETE FROM messages WHERE ts < $1::timestamptz', [FLOOR]);
    await query('DELETE FROM mod_actions WHERE ts < $1::timestamptz', [FLOOR]);
    await query('DELETE FROM user_days WHERE day < $1::date', [FLOOR.slice(0, 10)]);
  });
  const kept = events.filter(({ timestamp }) => timestamp < FLOOR);
  await archiveEvents(directory.path, kept);
  // Another instance has recorded some of it, too.
  await archiveEvents(directory.path, kept.slice(0, 1_000), '-2');
  const neverIndexed = LOG_LINES.slice(0, 50).map(({ line }) =>
    twitchEvent(line.replace(` #${CHANNEL}`, ' #bygone')),
  );
  await archiveEvents(directory.path, neverIndexed);
  const store = await createDirectoryObjectStore(directory.path);
  app = await logViewerApp({
    database,
    config: CONFIG,
    overrides: { store, log: silentLog },
    register: (api, made) => {
      context = made;
      registerPeerRoutes(api, made);
    },
  });
  reference = await logViewerApp({ database: whole });
});

afterAll(async () => {
  await app.close();
  await reference.close();
  for (const each of [database, whole, directory]) await each[Symbol.asyncDispose]();
});

const user = `/channel/${CHANNEL}/user/${USER.login}`;

describe('a question beyond retention', () => {
  it.each([
    ['a day', `/channel/${CHANNEL}/2019/9/15?raw`, 'archive'],
    ['a day as JSON', `/channelid/${CHANNEL_ID}/2019/9/15?json&limit=50&offset=100`, 'archive'],
    ['a day as text, newest first', `/channel/${CHANNEL}/2019/9/15?reverse&limit=40`, 'archive'],
    ['a day without messages', `/channel/${CHANNEL}/2019/9/16?raw`, 'archive'],
    ['a month of a user', `${user}/2019/9?raw`, 'archive'],
    ['a month of a user by id', `/channel/${CHANNEL}/userid/${USER.id}/2019/9?raw&reverse`, 'archive'],
    [
      'a range over both',
      `/channel/${CHANNEL}?from=2019-09-30T23:59:00Z&to=2019-10-01T00:01:00Z&raw`,
      'archive, index',
    ],
    [
      'a range over both, newest first',
      `/channel/${CHANNEL}?from=2019-09-30T23:59:00Z&to=2019-10-01T00:01:00Z&raw&reverse&limit=150`,
      'archive, index',
    ],
    [
      'a range of a user over both',
      `${user}?from=2019-09-01T00:00:00Z&to=2019-12-31T00:00:00Z&ndjson`,
      'archive, index',
    ],
    ['an IRC day', '/channel/chatlog/2019/9/15?raw', 'archive'],
    ['a day after it', `/channel/${CHANNEL}/2019/10/1?raw`, undefined],
  ])('has the same answer, and says whence: %s', async (_, url, source) => {
    const [answer, expected] = [await app.inject(url), await reference.inject(url)];
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload.equals(expected.rawPayload)).toBe(true);
    expect(answer.headers['x-chatlog-source']).toBe(source);
    expect(answer.headers['cache-control']).toBe(expected.headers['cache-control']);
    expect(answer.rawPayload.length > 1_000 || url.includes('/9/16') || url.includes('chatlog')).toBe(true);
  });

  it('about a channel that the index has never seen is answered, too', async () => {
    const { statusCode, body } = await app.inject('/channel/bygone/2019/9/15?raw');
    expect(statusCode).toBe(200);
    expect(body.split('\r\n')).toHaveLength(51);
    expect((await app.inject('/channel/bygone/2019/9/14')).statusCode).toBe(404);
    expect((await app.inject('/channel/bygone')).statusCode).toBe(404);
  });

  it('where there are no objects either is 404', async () => {
    expect((await app.inject(`/channel/${CHANNEL}/2019/8/1`)).statusCode).toBe(404);
    expect((await app.inject(`/channel/${CHANNEL}/user/nobody_at_all/2019/9`)).statusCode).toBe(404);
  });

  it('leaves the list of days as it was', async () => {
    const url = `/list?channel=${CHANNEL}`;
    expect((await app.inject(url)).json()).toEqual((await reference.inject(url)).json());
  });

  it('is asked to come again where the archive is busy', async () => {
    const reader = archiveOf(context);
    const channels = [{ platform: 'twitch', channel: CHANNEL }];
    const request = { channels, fromMs: Date.parse('2019-09-15'), toMs: Date.parse('2019-09-16') };
    const scans = [1, 2].map(() => reader.lines(request, new AbortController().signal));
    for (const scan of scans) await scan.next();
    const busy = await app.inject(`/channel/${CHANNEL}/2019/9/15`);
    expect(busy.statusCode).toBe(503);
    expect(Number(busy.headers['retry-after'])).toBeGreaterThan(0);
    expect(busy.headers['content-type']).toMatch(/^text\/plain/);
    for (const scan of scans) await scan.return(undefined);
    expect((await app.inject(`/channel/${CHANNEL}/2019/9/15`)).statusCode).toBe(200);
  });

  it('makes way for the next when a client has had what it wanted', async () => {
    for (let index = 0; index < 5; index++)
      expect((await app.inject(`/channel/${CHANNEL}/2019/9/15?limit=3`)).body.split('\r\n')).toHaveLength(4);
  });

  it('is 503 where the archive cannot be read', async () => {
    const store = {
      ...context.store,
      // biome-ignore lint/correctness/useYield: it fails before the first.
      async *list(): AsyncGenerator<never> {
        throw new Error('connection refused');
      },
    };
    const broken = await logViewerApp({
      database,
      config: CONFIG,
      overrides: { store: store as ApiContext['store'], privacy: OPEN_GATE },
    });
    const response = await broken.inject(`/channel/${CHANNEL}/2019/9/15`);
    expect([response.statusCode, response.body]).toEqual([503, 'the archive cannot be read']);
    await broken.close();
  });
});
