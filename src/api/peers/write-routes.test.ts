/** `POST /optout` and `/admin/channels`. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { loadEvents, twitchEvent } from '../../../test/support/log-events.ts';
import { FOREVER, logViewerApp } from '../../../test/support/log-viewer-app.ts';
import { ODD_LINES } from '../../../test/support/log-viewer-fixture.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { OptoutCodes } from '../../privacy/optout-codes.ts';
import type { ApiApp, ApiContext, RecorderControl } from '../api-context.ts';
import { createToken } from '../tokens/token-store.ts';

let database: TestDatabase;
let app: ApiApp;
let admin: string;
let reader: string;
let done: string[];

const recorder = {
  channelStates: () => [{ platform: 'twitch', channel: 'forsen', state: 'joined' }],
  async addChannel(platform: string, name: string) {
    if (name === 'unwanted')
      throw new ChatlogError('refused', 'unwanted cannot be added: the file is read-only');
    done.push(`add ${platform} ${name}`);
  },
  async removeChannel(platform: string, name: string) {
    done.push(`remove ${platform} ${name}`);
  },
} as unknown as RecorderControl;

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  const other = ODD_LINES.noPrefixUser
    .replace(' #xqcow', ' #forsen')
    .replace('room-id=71092938', 'room-id=22484632');
  await loadEvents(database, [ODD_LINES.action, other].map(twitchEvent), { config: FOREVER });
  admin = (await createToken(database, { scope: 'admin', name: 'admin' })).token;
  reader = (await createToken(database, { scope: 'read', name: 'reader' })).token;
  const codes = new OptoutCodes({ now: Date.now });
  const privacyDesk = { issueCode: () => codes.issue() } as unknown as NonNullable<ApiContext['privacyDesk']>;
  const config = { ...FOREVER, http: { ...FOREVER.http, read_access: 'token' as const } };
  app = await logViewerApp({ database, config, overrides: { recorder, privacyDesk } });
});

beforeEach(() => {
  done = [];
});

afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
});

const ask = (method: 'POST' | 'DELETE' | 'GET' | 'PUT', body: unknown, key: string | undefined = admin) =>
  app.inject({
    method,
    url: '/admin/channels',
    headers: { 'content-type': 'application/json', ...(key && { 'x-api-key': key }) },
    payload: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('POST and DELETE /admin/channels', () => {
  it('record channels, and record them no longer, by their ids', async () => {
    expect((await ask('POST', { channels: ['71092938'] })).statusCode).toBe(200);
    expect((await ask('DELETE', { channels: ['22484632'] })).statusCode).toBe(200);
    expect(done).toEqual(['add twitch xqcow', 'remove twitch forsen']);
  });

  it('change nothing where it is so already', async () => {
    expect((await ask('POST', { channels: ['22484632'] })).statusCode).toBe(200);
    expect((await ask('DELETE', { channels: ['71092938'] })).statusCode).toBe(200);
    expect(done).toEqual([]);
  });

  it('take logins of channels that were never recorded', async () => {
    expect((await ask('POST', { channels: ['NymN', 'pajlada'] })).statusCode).toBe(200);
    expect(done).toEqual(['add twitch nymn', 'add twitch pajlada']);
  });

  it('refuse an id that nobody knows, before anything is changed', async () => {
    const response = await ask('POST', { channels: ['71092938', '123'] });
    expect(response.statusCode).toBe(400);
    expect(response.body).toMatch(/^Invalid param: .*"123".*login/);
    expect(done).toEqual([]);
  });

  it.each([
    '',
    'nonsense',
    '[]',
    '{}',
    '{"channels":[]}',
    '{"channels":[1]}',
    '{"channels":"xqcow"}',
    '{"channels":["a b"]}',
  ])('refuse a body that is none: %s', async (body) => {
    const response = await ask('POST', body);
    expect(response.statusCode).toBe(400);
    expect(response.body).toMatch(/^Invalid param: /);
    expect(done).toEqual([]);
  });

  it('say why a channel cannot be added', async () => {
    const response = await ask('POST', { channels: ['unwanted'] });
    expect([response.statusCode, response.body]).toEqual([
      400,
      'Invalid param: unwanted cannot be added: the file is read-only',
    ]);
  });

  it('take the key also as a bearer token', async () => {
    const response = await app.inject({
      method: 'POST',
      url: '/admin/channels',
      headers: { authorization: `Bearer ${admin}` },
      payload: '{"channels":["71092938"]}',
    });
    expect(response.statusCode).toBe(200);
  });

  it('are 403 without a key, with a wrong one, and with one for reading', async () => {
    for (const key of ['', 'wrong', `clg_${'A'.repeat(43)}`, reader]) {
      const response = await ask('POST', { channels: ['71092938'] }, key);
      expect([key, response.statusCode]).toEqual([key, 403]);
      expect(response.headers['content-type']).toMatch(/^text\/plain/);
    }
    expect(done).toEqual([]);
  });

  it.each(['GET', 'PUT'] as const)('are the only methods: %s is 405', async (method) => {
    const response = await ask(method, method === 'GET' ? '' : '{}');
    expect(response.statusCode).toBe(405);
    expect(response.headers.allow).toBe('POST, DELETE');
  });

  it('are 503 where nobody records', async () => {
    const apart = await logViewerApp({ database });
    const payload = '{"channels":["71092938"]}';
    const response = await apart.inject({
      method: 'POST',
      url: '/admin/channels',
      headers: { 'x-api-key': admin },
      payload,
    });
    expect(response.statusCode).toBe(503);
    expect((await apart.inject({ method: 'POST', url: '/optout' })).statusCode).toBe(503);
    await apart.close();
  });
});

describe('POST /optout', () => {
  it.each([
    ['without a body', {}],
    ['with an empty one of JSON', { headers: { 'content-type': 'application/json' } }],
    ['with some form', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'a=b' }],
  ])('gives a code as a JSON string, to everybody, %s', async (_, options) => {
    const response = await app.inject({ method: 'POST', url: '/optout', ...options });
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.json()).toMatch(/^[a-z0-9]{5,8}$/);
  });
});

describe('reading with a token alone', () => {
  it('needs it', async () => {
    const refused = await app.inject('/channels');
    expect(refused.statusCode).toBe(401);
    expect(refused.headers['content-type']).toMatch(/^text\/plain/);
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer/);
    const headers = { authorization: `Bearer ${reader}` };
    expect((await app.inject({ url: '/channels', headers })).statusCode).toBe(200);
  });

  it('keeps answers out of caches that others share', async () => {
    const headers = { authorization: `Bearer ${reader}` };
    const { headers: answer } = await app.inject({ url: '/channel/xqcow/2019/9/15', headers });
    expect(answer['cache-control']).toBe('private, max-age=36000');
  });
});
