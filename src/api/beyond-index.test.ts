/** `GET /api/messages` of one channel goes on in the archive where the index ends. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { archiveEvents, loadEvents } from '../../test/support/log-events.ts';
import { FOREVER, logViewerApp } from '../../test/support/log-viewer-app.ts';
import { CHANNEL, logEvents, USER } from '../../test/support/log-viewer-fixture.ts';
import { type TempDir, tempDir } from '../../test/support/temp-dir.ts';
import { OPEN_GATE } from '../privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../storage/directory-object-store.ts';
import type { MessagesAnswer } from './answer-messages.ts';
import type { ApiApp } from './api-context.ts';
import { registerMessageRoutes } from './routes/messages.ts';

const FLOOR = '2019-10-01T00:00:00.000Z';

let directory: TempDir;
let database: TestDatabase;
let app: ApiApp;
/** Of an index that has everything: key and time of each message, newest first. */
let everything: string[];
let ofUser: string[];

const placeOf = ({ key, timestamp }: { key: string; timestamp: string }) => `${timestamp} ${key}`;

beforeAll(async () => {
  directory = await tempDir('beyond-index');
  database = await openDatabase('PostgreSQL 15');
  const events = logEvents().filter(({ user_id: id }, index) => id === USER.id || index % 5 === 0);
  await loadEvents(database, events, { config: FOREVER });
  const whole = await logViewerApp({ database, register: registerMessageRoutes });
  everything = (await walk(whole, QUERY, 1_000)).places;
  ofUser = (await walk(whole, `${QUERY}&user=${USER.login}`, 1_000)).places;
  await whole.close();
  await database.transaction(async ({ query }) => {
    await query('INSERT INTO retention_floors SELECT id, $1::timestamptz FROM channels', [FLOOR]);
    for (const table of ['messages', 'mod_actions'])
      await query(`DELETE FROM ${table} WHERE ts < $1::timestamptz`, [FLOOR]);
    await query('DELETE FROM user_days WHERE day < $1::date', [FLOOR.slice(0, 10)]);
  });
  await archiveEvents(
    directory.path,
    events.filter(({ timestamp }) => timestamp < FLOOR),
  );
  const store = await createDirectoryObjectStore(directory.path);
  app = await logViewerApp({ database, overrides: { store }, register: registerMessageRoutes });
});

afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const QUERY = `channel=${CHANNEL}&includeDeleted=true&type=message`;

async function walk(from: ApiApp, query: string, limit: number) {
  const places: string[] = [];
  const sources: (string | undefined)[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const url: string = `/api/messages?${query}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const response = await from.inject({ url });
    expect(response.statusCode, response.body.slice(0, 300)).toBe(200);
    const answer = response.json<MessagesAnswer>();
    expect(response.headers['x-chatlog-source']).toBe(answer.source);
    expect(answer.messages.length).toBeLessThanOrEqual(limit);
    expect(answer.hasMore).toBe(answer.nextCursor !== null);
    places.push(...answer.messages.map(placeOf));
    if (answer.hasMore) expect(answer.total).toBeGreaterThan(places.length);
    else expect(answer.total).toBe(places.length);
    sources.push(answer.source);
    cursor = answer.nextCursor;
  }
  return { places, sources };
}

describe('pages of a channel’s messages', () => {
  it.each([60, 1_000])('go on in the archive, newest first, and say so (%i a page)', async (limit) => {
    const { places, sources } = await walk(app, QUERY, limit);
    expect(places).toEqual(everything);
    expect(sources[0]).toBe(limit === 1_000 ? 'archive, index' : undefined);
    expect(sources.at(-1)).toBe('archive');
  });

  it('begin in the archive where the oldest come first', async () => {
    const { places, sources } = await walk(app, `${QUERY}&order=oldest`, 400);
    expect(places).toEqual(everything.toReversed());
    expect(sources[0]).toBe('archive');
    expect(sources.at(-1)).not.toBe('archive');
  });

  it('are the same where a page ends with the index', async () => {
    const inIndex = everything.filter((place) => place >= FLOOR).length;
    expect((await walk(app, QUERY, inIndex)).places).toEqual(everything);
    const inArchive = everything.length - inIndex;
    expect((await walk(app, `${QUERY}&order=oldest`, Math.ceil(inArchive / 2))).places).toEqual(
      everything.toReversed(),
    );
  });

  it('may be of one person', async () => {
    expect(ofUser.length).toBeGreaterThan(3);
    expect((await walk(app, `${QUERY}&user=${USER.login}`, 3)).places).toEqual(ofUser);
    expect((await walk(app, `${QUERY}&user=id:${USER.id}&order=oldest`, 3)).places).toEqual(
      ofUser.toReversed(),
    );
  });

  it('keep to the range that was asked for', async () => {
    const range = 'since=2019-09-15T00:02:00Z&until=2019-10-01T00:02:00Z';
    const expected = everything.filter((place) => place >= '2019-09-15T00:02' && place < '2019-10-01T00:02');
    expect((await walk(app, `${QUERY}&${range}`, 1_000)).places).toEqual(expected);
    const later = await walk(app, `${QUERY}&since=${FLOOR}`, 1_000);
    expect(later.places).toEqual(everything.filter((place) => place >= FLOOR));
    expect(later.sources).toEqual([undefined]);
  });

  it('pass over what an offset says, from the cursor on', async () => {
    const first = (await app.inject(`/api/messages?${QUERY}&limit=500`)).json<MessagesAnswer>();
    const next = (
      await app.inject(`/api/messages?${QUERY}&limit=5&offset=10&cursor=${first.nextCursor}`)
    ).json<MessagesAnswer>();
    expect(next.messages.map(placeOf)).toEqual(everything.slice(510, 515));
  });

  it('have whole messages', async () => {
    const url = `/api/messages?${QUERY}&until=2019-09-15T00:00:01Z&since=2019-09-15&order=oldest&limit=1`;
    const { messages } = (await app.inject(url)).json<MessagesAnswer>();
    expect(messages[0]).toMatchObject({
      channel: CHANNEL,
      platform: 'twitch',
      type: 'message',
      username: USER.login,
      userId: USER.id,
      displayName: USER.displayName,
      tags: expect.any(Object),
    });
  });

  it('are of the index alone where a question needs it', async () => {
    for (const query of [`channel=${CHANNEL}&command=x`, 'user=cecak', `${QUERY}&badge=vip/1`]) {
      const answer = (await app.inject(`/api/messages?${query}`)).json<MessagesAnswer>();
      expect(answer.source).toBeUndefined();
    }
  });

  it('of a channel that opted out are none', async () => {
    const store = await createDirectoryObjectStore(directory.path);
    const privacy = { ...OPEN_GATE, isEmpty: false, isChannelOptedOut: () => true };
    const guarded = await logViewerApp({
      database,
      overrides: { store, privacy },
      register: registerMessageRoutes,
    });
    const answer = (await guarded.inject(`/api/messages?${QUERY}`)).json<MessagesAnswer>();
    expect(answer).toMatchObject({ messages: [], hasMore: false });
    await guarded.close();
  });
});
