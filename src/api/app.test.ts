/** What the frame does for every route: over routes of its own, and tokens in a real database. */
import { brotliCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { apiContext, type TestContextOptions } from '../../test/support/api-context.ts';
import { openDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { ApiApp, Scope } from './api-context.ts';
import { createApiApp } from './app.ts';
import { registerTokenRoutes } from './routes/tokens.ts';
import { createToken, newToken } from './tokens/token-store.ts';

let database: TestDatabase;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  for (const scope of ['read', 'export', 'admin'] as const)
    tokens[scope] = (await createToken(database, { scope, name: `for ${scope}` })).token;
});
afterAll(() => database[Symbol.asyncDispose]());

async function start(options: Partial<TestContextOptions> = {}): Promise<ApiApp> {
  const context = apiContext({ database, ...options });
  const app = await createApiApp(context);
  registerTokenRoutes(app, context);
  const querystring = z.object({
    limit: z.coerce.number().int().min(1).max(1000).default(100),
    order: z.enum(['newest', 'oldest']).default('newest'),
    text: z.string().max(20).optional(),
  });
  app.get('/api/echo', { config: { scope: 'read' }, schema: { querystring } }, async ({ query }) => query);
  app.get('/api/kept', { config: { scope: 'read', cacheSeconds: 60 } }, async () => 'x'.repeat(5_000));
  app.get('/api/exported', { config: { scope: 'export' } }, async ({ caller }) => ({ name: caller?.name }));
  app.get('/api/open', { config: { scope: 'public' } }, async () => ({}));
  app.post(
    '/api/things/:name',
    {
      config: { scope: 'admin' },
      schema: { params: z.object({ name: z.string() }), body: z.strictObject({ size: z.number() }) },
    },
    async ({ params, body }) => ({ ...params, ...body }),
  );
  app.get('/api/fails/:code', { config: { scope: 'read' } }, async ({ params }) => {
    const { code } = params as { code: string };
    if (code === 'bug') throw new Error('SELECT secret FROM table at /srv/chatlog/x.ts:1');
    if (/^\d/.test(code)) throw Object.assign(new Error('invalid SELECT'), { code });
    throw new ChatlogError(code, 'connect ECONNREFUSED 10.1.2.3:5432', { retryable: true });
  });
  onTestFinished(() => app.close());
  return app;
}

const bearer = (token: string | undefined) => ({ authorization: `Bearer ${token}` });

describe('a parameter', () => {
  it('gets its default and its type', async () => {
    const app = await start();
    const response = await app.inject('/api/echo?limit=5');
    expect(response.json()).toEqual({ limit: 5, order: 'newest' });
  });

  it.each([
    ['limit=0', 'limit', 'found "0", should be at least 1'],
    ['limit=x', 'limit', 'found "x", should be a number'],
    ['limit=1&limit=2', 'limit', 'should be given once'],
    ['order=newst', 'order', 'should be one of newest, oldest; did you mean "newest"?'],
    ['limt=5', 'limt', 'is not known here; did you mean "limit"?'],
    ['__proto__=1', '__proto__', 'is not known here'],
    ['constructor.prototype=1', 'constructor.prototype', 'is not known here'],
    ['text=a%00b', 'text', 'without NUL'],
    [`text=${'x'.repeat(21)}`, 'text', 'at most 20 characters'],
  ])('that is wrong (%s) is named, with what would be right', async (query, parameter, words) => {
    const app = await start();
    const response = await app.inject(`/api/echo?${query}`);
    expect(response.statusCode).toBe(400);
    const { error } = response.json();
    expect(error.code).toBe('invalid_parameters');
    expect(error.details).toEqual([{ parameter, message: expect.stringContaining(words) }]);
    expect(error.message).toContain(parameter);
  });

  it.each([
    ['{"__proto__":{"x":1},"size":1}', 400],
    ['{"constructor":{"prototype":{"x":1}},"size":1}', 400],
    ['{"size":1,"other":2}', 400],
    ['{"size":', 400],
    ['', 400],
    [`{"size":1,"pad":"${'x'.repeat(70_000)}"}`, 413],
    ['{"size":1}', 200],
  ])('in a body (%.40s) is checked as well', async (payload, status) => {
    const app = await start();
    const headers = { ...bearer(tokens.admin), 'content-type': 'application/json' };
    const response = await app.inject({ method: 'POST', url: '/api/things/a', headers, payload });
    expect(response.statusCode).toBe(status);
    if (status !== 200) expect(response.json().error.message).toEqual(expect.any(String));
    expect(({} as { x?: number }).x).toBeUndefined();
  });

  it.each(['gzip', 'br', 'zstd'])('in a body that is compressed (%s) is not unpacked', async (encoding) => {
    const app = await start();
    const headers = {
      ...bearer(tokens.admin),
      'content-type': 'application/json',
      'content-encoding': encoding,
    };
    const payload = brotliCompressSync('{"size":1}');
    const response = await app.inject({ method: 'POST', url: '/api/things/a', headers, payload });
    expect(response.statusCode).toBe(400);
  });

  it('is refused where the address is too long or broken', async () => {
    const app = await start();
    expect((await app.inject(`/api/echo?text=${'x'.repeat(5_000)}`)).statusCode).toBe(414);
    expect((await app.inject(`/api/fails/${'x'.repeat(2_000)}`)).statusCode).toBe(414);
    const broken = await app.inject('/api/fails/%zz');
    expect(broken.statusCode).toBe(400);
    expect(broken.json().error.code).toBe('bad_url');
  });
});

describe('an error', () => {
  it.each([
    ['database_unavailable', 503, 'database_unavailable'],
    ['database_conflict', 503, 'database_busy'],
    ['database_timeout', 504, 'query_timeout'],
    ['22P05', 400, 'invalid_parameters'],
    ['22008', 400, 'invalid_parameters'],
    ['42P01', 503, 'database_unavailable'],
    ['42601', 500, 'internal'],
    ['bug', 500, 'internal'],
  ])('%s becomes %i %s, and tells nothing of our inside', async (thrown, status, code) => {
    const app = await start();
    const response = await app.inject(`/api/fails/${thrown}`);
    expect(response.statusCode).toBe(status);
    expect(response.json().error.code).toBe(code);
    expect(response.body).not.toMatch(/SELECT|ECONNREFUSED|10\.1\.2\.3|\.ts| {4}at /);
    expect(Number(response.headers['retry-after']) > 0).toBe(status === 503);
    expect(response.headers['cache-control']).toBe('no-store');
  });

  it('of an unknown address has the same form', async () => {
    const app = await start();
    const response = await app.inject('/api/nowhere?x=1');
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({
      error: { code: 'not_found', message: 'there is no GET /api/nowhere', hint: expect.any(String) },
    });
  });
});

describe('an answer', () => {
  it('has a tag, by which it need not be sent again', async () => {
    const app = await start();
    const first = await app.inject('/api/echo');
    const tag = String(first.headers.etag);
    expect(tag).toMatch(/^W\/"/);
    const again = await app.inject({ url: '/api/echo', headers: { 'if-none-match': `"other", ${tag}` } });
    expect([again.statusCode, again.body, again.headers.etag]).toEqual([304, '', tag]);
    const other = await app.inject({ url: '/api/echo?limit=7', headers: { 'if-none-match': tag } });
    expect(other.statusCode).toBe(200);
    const head = await app.inject({ method: 'HEAD', url: '/api/echo' });
    expect([head.statusCode, head.body, head.headers.etag]).toEqual([200, '', tag]);
  });

  it('says how long it keeps, and for whom', async () => {
    const open = await start();
    expect((await open.inject('/api/echo')).headers['cache-control']).toBe('public, no-cache');
    expect((await open.inject('/api/kept')).headers['cache-control']).toBe('public, max-age=60');
    const closed = await start({ http: { read_access: 'token' } });
    const kept = await closed.inject({ url: '/api/kept', headers: bearer(tokens.read) });
    expect(kept.headers['cache-control']).toBe('private, max-age=60');
    const tokensAnswer = await open.inject({ url: '/api/tokens', headers: bearer(tokens.admin) });
    expect(tokensAnswer.headers['cache-control']).toBe('no-store');
  });

  it('is compressed for who takes that, under the same tag', async () => {
    const app = await start();
    const plain = await app.inject('/api/kept');
    const packed = await app.inject({ url: '/api/kept', headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 10);
    expect(packed.headers.etag).toBe(plain.headers.etag);
    expect(packed.headers.vary).toContain('accept-encoding');
  });

  it('tells browsers to run nothing of it', async () => {
    const { headers } = await (await start()).inject('/api/echo');
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['x-frame-options']).toBeDefined();
    expect(headers).not.toHaveProperty('x-powered-by');
  });

  it('may be read by pages of the origins that are allowed, and by no others', async () => {
    const app = await start({ http: { cors_origins: ['https://logs.example'] } });
    const from = async (origin: string) => {
      const { headers } = await app.inject({ url: '/api/echo', headers: { origin } });
      return headers['access-control-allow-origin'];
    };
    expect(await from('https://logs.example')).toBe('https://logs.example');
    expect(await from('https://logs.example.evil')).toBeUndefined();
    expect(await from('null')).toBeUndefined();
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: '/api/things/a',
      headers: { origin: 'https://logs.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.statusCode).toBe(200);
    expect(preflight.headers['access-control-allow-headers']).toContain('authorization');
    const open = await (await start()).inject({
      url: '/api/echo',
      headers: { origin: 'https://any.example' },
    });
    expect(open.headers['access-control-allow-origin']).toBe('*');
    expect(open.headers).not.toHaveProperty('access-control-allow-credentials');
  });
});

describe('a token', () => {
  it.each<[path: string, method: 'GET' | 'POST', scopes: Scope[]]>([
    ['/api/exported', 'GET', ['export', 'admin']],
    ['/api/echo', 'GET', ['read', 'export', 'admin']],
    ['/api/things/a', 'POST', ['admin']],
    ['/api/tokens', 'GET', ['admin']],
  ])('opens %s only to who may', async (url, method, scopes) => {
    const app = await start({ http: { read_access: 'token' } });
    const payload = method === 'POST' ? { size: 1 } : undefined;
    const status = async (headers: Record<string, string>) =>
      (await app.inject({ url, method, headers, payload })).statusCode;
    expect(await status({})).toBe(401);
    for (const scope of ['read', 'export', 'admin'] as const)
      expect([scope, await status(bearer(tokens[scope]))]).toEqual([
        scope,
        scopes.includes(scope) ? 200 : 403,
      ]);
  });

  it.each([
    ['unknown', () => bearer(newToken())],
    ['cut off', () => bearer(tokens.admin!.slice(0, -1))],
    ['a hash', () => bearer('0'.repeat(64))],
    ['empty', () => ({ authorization: 'Bearer ' })],
    ['of another kind', () => ({ authorization: 'Basic YWRtaW46YWRtaW4=' })],
    ['SQL', () => bearer("' OR 1=1 --")],
  ])('that is %s is refused, also where none is needed', async (_, headers) => {
    const app = await start();
    const response = await app.inject({ url: '/api/echo', headers: headers() });
    expect(response.statusCode).toBe(401);
    expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="chatlog"/);
  });

  it('in the address is no token', async () => {
    const app = await start({ http: { read_access: 'token' } });
    for (const name of ['token', 'access_token', 'authorization']) {
      const response = await app.inject(`/api/echo?${name}=${tokens.admin}`);
      expect(response.statusCode).toBe(401);
    }
  });

  it('stands nowhere in the database', async () => {
    const { rows } = await database.read((session) => session.query('SELECT * FROM api_tokens'));
    expect(rows).toHaveLength(3);
    for (const token of Object.values(tokens)) expect(JSON.stringify(rows)).not.toContain(token.slice(4, 20));
  });

  it('is made, listed and revoked by an admin, and refused from then on', async () => {
    const app = await start();
    const headers = bearer(tokens.admin);
    const payload = { scope: 'export', name: 'backup job' };
    const made = await app.inject({ method: 'POST', url: '/api/tokens', headers, payload });
    expect(made.statusCode).toBe(201);
    const { id, token } = made.json();
    const use = () => app.inject({ url: '/api/exported', headers: bearer(token) });
    expect((await use()).json()).toEqual({ name: 'backup job' });
    const list = await app.inject({ url: '/api/tokens', headers });
    expect(list.json().tokens).toContainEqual(
      expect.objectContaining({ id, name: 'backup job', scope: 'export' }),
    );
    expect(list.body).not.toContain(token);
    const revoked = await app.inject({ method: 'DELETE', url: '/api/tokens/backup job', headers });
    expect(revoked.json()).toMatchObject({ id, revokedAt: expect.any(String) });
    expect((await use()).statusCode).toBe(401);
    const again = await app.inject({ method: 'DELETE', url: `/api/tokens/${id}`, headers });
    expect(again.statusCode).toBe(404);
    await database.transaction((session) => session.query('DELETE FROM api_tokens WHERE id = $1', [id]));
  });

  it('of this machine opens everything, also without a database, and is not counted', async () => {
    const localToken = newToken();
    const away = await openDatabase('PostgreSQL 15');
    await away[Symbol.asyncDispose]();
    const overrides = { localToken, database: away };
    const app = await start({ http: { read_access: 'token', rate_limit: 2 }, overrides });
    for (let n = 0; n < 5; n++)
      expect((await app.inject({ url: '/api/exported', headers: bearer(localToken) })).statusCode).toBe(200);
  });
});

describe('the rate limit', () => {
  const from = (address: string, headers: Record<string, string> = {}) => ({
    url: '/api/echo',
    remoteAddress: address,
    headers,
  });

  it('counts by address, says how much is left, and when to come again', async () => {
    const app = await start({ http: { rate_limit: 3 } });
    const first = await app.inject(from('192.0.2.1'));
    expect(first.headers).toMatchObject({ 'ratelimit-limit': '3', 'ratelimit-remaining': '2' });
    await app.inject(from('192.0.2.1'));
    await app.inject({ ...from('192.0.2.1'), url: '/api/nowhere' });
    const refused = await app.inject(from('192.0.2.1'));
    expect(refused.statusCode).toBe(429);
    expect(refused.json().error.code).toBe('rate_limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await app.inject(from('192.0.2.2'))).statusCode).toBe(200);
  });

  it('takes a network of IPv6 for one, and an IPv4 address in IPv6 clothes for itself', async () => {
    const app = await start({ http: { rate_limit: 1 } });
    expect((await app.inject(from('2001:db8:1:2::1'))).statusCode).toBe(200);
    expect((await app.inject(from('2001:db8:1:2:ffff::9'))).statusCode).toBe(429);
    expect((await app.inject(from('2001:db8:1:3::1'))).statusCode).toBe(200);
    expect((await app.inject(from('::ffff:192.0.2.1'))).statusCode).toBe(200);
    expect((await app.inject(from('192.0.2.1'))).statusCode).toBe(429);
  });

  it('counts a token on its own, wherever it comes from', async () => {
    const app = await start({ http: { rate_limit: 3 } });
    // The first use of a token is not known yet, and counts for the address.
    for (const address of ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])
      expect((await app.inject(from(address, bearer(tokens.read)))).statusCode).toBe(200);
    expect((await app.inject(from('192.0.2.5', bearer(tokens.read)))).statusCode).toBe(429);
    expect((await app.inject(from('192.0.2.5'))).statusCode).toBe(200);
  });

  it('lets nobody try more tokens than it allows', async () => {
    const app = await start({ http: { rate_limit: 2 } });
    const statuses: number[] = [];
    for (let n = 0; n < 4; n++)
      statuses.push((await app.inject(from('192.0.2.1', bearer(newToken())))).statusCode);
    expect(statuses).toEqual([401, 401, 429, 429]);
  });

  it.each([
    ['none', { 'fly-client-ip': '198.51.100.1', 'x-forwarded-for': '198.51.100.1' }, 429],
    ['fly', { 'fly-client-ip': '198.51.100.1', 'x-forwarded-for': '203.0.113.9' }, 200],
    ['forwarded', { 'x-forwarded-for': '192.0.2.1, 198.51.100.1' }, 200],
    ['forwarded', { 'x-forwarded-for': '198.51.100.1, 192.0.2.1' }, 429],
    ['forwarded', { 'x-forwarded-for': '198.51.100.1, nonsense' }, 429],
  ] as const)('with trust_proxy %s takes %o at its word or not', async (trust_proxy, headers, status) => {
    const app = await start({ http: { rate_limit: 1, trust_proxy } });
    await app.inject({ url: '/api/echo', remoteAddress: '192.0.2.1' });
    await app.inject(from('192.0.2.1', { 'fly-client-ip': '192.0.2.1', 'x-forwarded-for': '192.0.2.1' }));
    expect((await app.inject(from('192.0.2.1', headers))).statusCode).toBe(status);
  });
});
