/**
 * What the API does with requests that nobody should send. Every route of the OpenAPI document gets every hostile value in
 * every parameter: none may end in a status of 500 and above, none may be answered in another form of error than the
 * route's own, and none may reach what it should not.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiApp, ApiContext } from '../../src/api/api-context.ts';
import { createApiApp } from '../../src/api/app.ts';
import { serveHttp } from '../../src/api/http-server.ts';
import { createRecorderControl } from '../../src/api/recorder-control.ts';
import { registerRoutes } from '../../src/api/routes.ts';
import { newToken } from '../../src/api/tokens/token-store.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { forEachConcurrently } from '../../src/lib/for-each-concurrently.ts';
import { NOBODY_RECORDS } from '../../src/privacy/forget/forget-files.ts';
import { openPrivacy } from '../../src/privacy/open-privacy.ts';
import { openSpool } from '../../src/spool.ts';
import { apiContext } from '../support/api-context.ts';
import { openDatabase, type TestDatabase } from '../support/databases.ts';
import { HOSTILE_JSON, HOSTILE_TEXTS, RAW_ESCAPES } from '../support/hostile-values.ts';
import { CHAT_START_MS, indexedChat } from '../support/indexed-chat.ts';
import { loaderOn, segmentChunk } from '../support/loader-fixture.ts';
import {
  type Parameter,
  type Route,
  type RouteRequest,
  routesOf,
  urlOf,
  validRequest,
} from '../support/openapi-requests.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

const localToken = newToken();
const authorization = `Bearer ${localToken}`;
let database: TestDatabase;
let directory: TempDir;
let app: ApiApp;
let routes: Route[];

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  directory = await tempDir('hostile');
  const loader = loaderOn(database, Date.now());
  const lines = indexedChat({ channel: 'forsen', lines: 600 });
  await loader.load([
    { ...segmentChunk('twitch_forsen_1.jsonl', lines), startMs: CHAT_START_MS, channel: 'forsen' },
  ]);
  await loader.derive();
  app = await start({});
  routes = routesOf((await app.inject('/api/openapi.json')).json());
});
afterAll(async () => {
  await app.close();
  await database[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

async function start(overrides: Partial<ApiContext>, register?: (app: ApiApp) => void): Promise<ApiApp> {
  const { config, recorder } = await recorderOn(directory.join(`${randomUUID()}.yaml`));
  const context = apiContext({
    database,
    directory: directory.join('archive'),
    overrides: { localToken, config, recorder, ...(await privacyIn(directory.join('data'))), ...overrides },
  });
  const made = await createApiApp(context);
  registerRoutes(made, context);
  register?.(made);
  await made.ready();
  return made;
}

/** Without connections, but with a configuration file that its routes edit. */
async function recorderOn(configFile: string): Promise<Pick<ApiContext, 'config' | 'recorder'>> {
  await writeFile(configFile, 'twitch:\n  channels: [forsen]\nhttp: { rate_limit: 1000000 }\n');
  const load = async () => {
    const loaded = await loadConfig(configFile, {});
    if (!loaded.ok) throw new Error(`the file was made wrong: ${JSON.stringify(loaded.problems)}`);
    return loaded.config;
  };
  let config = await load();
  const reload = async () => {
    config = await load();
  };
  const recorder = createRecorderControl({ configFile, connectors: [], reload, rejoin: () => {} });
  return { config: () => config, recorder };
}

async function privacyIn(dataDir: string): Promise<Pick<ApiContext, 'privacy' | 'privacyDesk'>> {
  const spool = await openSpool(dataDir);
  const parts = { ...apiContext({ database, directory: directory.join('archive') }), spool };
  const { decisions, desk } = await openPrivacy({ ...parts, keepers: NOBODY_RECORDS });
  return { privacy: decisions.gate, privacyDesk: desk };
}

interface Answer {
  statusCode: number;
  body: string;
  headers: Record<string, unknown>;
}

/** What is wrong with an answer; undefined where nothing is. */
function complaint({ statusCode, body, headers }: Answer, path: string): string | undefined {
  if (statusCode >= 500) return `${statusCode} ${body.slice(0, 200)}`;
  if (headers['x-injected'] !== undefined) return 'a header was smuggled in';
  if (/root:x:0|\bat [^ ]+ \(|node_modules|pg_catalog|syntax error|relation "/.test(body))
    return body.slice(0, 200);
  if (statusCode < 400 || !path.startsWith('/api')) return undefined;
  const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } };
  const isForm = typeof error?.code === 'string' && typeof error.message === 'string';
  return isForm ? undefined : `no error of the one form: ${body.slice(0, 200)}`;
}

/** As many as may read the archive at a time. */
const AT_ONCE = 2;

/** Sends them all and collects what is wrong, with the request. */
async function complaintsAbout(requests: { route: Route; url: string; body?: unknown }[]): Promise<string[]> {
  const found: string[] = [];
  await forEachConcurrently(requests, AT_ONCE, async ({ route, url, body }) => {
    const payload = body === undefined ? {} : { payload: JSON.stringify(body) };
    const headers = { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) };
    const answer = await app.inject({ method: route.method, url, headers, ...payload });
    const wrong = complaint(answer, route.path);
    if (wrong !== undefined)
      found.push(`${route.method} ${url.slice(0, 200)} ${JSON.stringify(body) ?? ''}: ${wrong}`);
  });
  return found;
}

/** All values where a parameter is first met; where other routes have the same one, every eighth. */
function textsFor(route: Route, { name, schema }: Parameter, met: Set<string>): readonly string[] {
  const kind = JSON.stringify([name, schema]);
  if (!met.has(kind)) {
    met.add(kind);
    return HOSTILE_TEXTS;
  }
  const offset = routes.indexOf(route);
  return HOSTILE_TEXTS.filter((_, index) => (index + offset) % 8 === 0);
}

function variations(
  route: Route,
  vary: (request: RouteRequest) => { request: RouteRequest; raw?: { name: string; text: string } }[],
) {
  return vary(validRequest(route)).map(({ request, raw }) => ({
    route,
    url: urlOf(route, request, raw),
    body: request.body,
  }));
}

// Thousands of requests, each of them small.
describe('every route', { timeout: 400_000 }, () => {
  test('answers a request that is in order', async () => {
    expect(routes.length).toBeGreaterThan(20);
    const requests = routes.flatMap((route) => variations(route, (request) => [{ request }]));
    expect(await complaintsAbout(requests)).toEqual([]);
  });

  test('bears any text in any query parameter', async () => {
    const met = new Set<string>();
    const requests = routes.flatMap((route) =>
      variations(route, (request) =>
        route.queryParameters.flatMap((parameter) =>
          textsFor(route, parameter, met).map((value) => ({
            request: {
              ...request,
              query: [
                ...request.query.filter(([other]) => other !== parameter.name),
                [parameter.name, value],
              ],
            },
          })),
        ),
      ),
    );
    expect(requests.length).toBeGreaterThan(1_000);
    expect(await complaintsAbout(requests)).toEqual([]);
  });

  test('bears any text and any broken escape in any part of its path', async () => {
    const met = new Set<string>();
    const requests = routes.flatMap((route) =>
      variations(route, (request) =>
        route.pathParameters.flatMap((parameter) => [
          ...textsFor(route, parameter, met).map((value) => ({
            request: { ...request, path: { ...request.path, [parameter.name]: value } },
          })),
          ...RAW_ESCAPES.map((bytes) => ({ request, raw: { name: parameter.name, text: bytes } })),
        ]),
      ),
    );
    expect(requests.length).toBeGreaterThan(1_000);
    expect(await complaintsAbout(requests)).toEqual([]);
  });

  test('bears anything in any member of its body', async () => {
    const requests = routes.flatMap((route) => {
      const { body } = route;
      if (!body) return [];
      const members = [...Object.keys(body.properties ?? {}), 'unknown', 'constructor'];
      return variations(route, (request) => [
        ...HOSTILE_JSON.map((value) => ({ request: { ...request, body: value } })),
        ...members.flatMap((name) =>
          HOSTILE_JSON.map((value) => ({
            request: { ...request, body: { ...(request.body as object), [name]: value } },
          })),
        ),
      ]);
    });
    expect(requests.length).toBeGreaterThan(100);
    expect(await complaintsAbout(requests)).toEqual([]);
  });

  test('bears parameters that come twice, as lists, as objects, and as prototypes', async () => {
    const requests = routes.flatMap((route) =>
      variations(route, (request) =>
        [...route.queryParameters.map(({ name }) => name), 'other'].flatMap((name) =>
          [
            [name, name],
            [`${name}[]`],
            [`${name}[__proto__]`],
            [`${name}.constructor.prototype`],
            ['__proto__', name],
          ].map((names) => ({
            request: {
              ...request,
              query: [...request.query, ...names.map((each): [string, string] => [each, '1'])],
            },
          })),
        ),
      ),
    );
    expect(await complaintsAbout(requests)).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('refuses parameters that it does not know, below /api', async () => {
    const own = routes.filter(({ path, method }) => path.startsWith('/api/') && method === 'GET');
    for (const route of own) {
      const valid = validRequest(route);
      const url = urlOf(route, { ...valid, query: [...valid.query, ['limitt', '1']] });
      const response = await app.inject({ url, headers: { authorization } });
      expect([url, response.statusCode]).toEqual([url, 400]);
    }
  });

  test('that is not public asks for a token, and for one that goes far enough', async () => {
    const { config } = apiContext({ database, http: { read_access: 'token' } });
    const closed = await start({ config });
    for (const route of routes.filter(({ scope }) => scope !== 'public')) {
      const response = await closed.inject({ method: route.method, url: urlOf(route, validRequest(route)) });
      // The log viewers' API knows no 401.
      expect([route.path, [401, 403].includes(response.statusCode)]).toEqual([route.path, true]);
    }
    await closed.close();
  });

  test('left the index as it was', async () => {
    const { rows } = await database.read((session) =>
      session.query(
        `SELECT (SELECT count(*) FROM messages) > 500 AS messages, (SELECT count(*) FROM channels) AS channels`,
      ),
    );
    expect(rows).toEqual([{ messages: true, channels: 1 }]);
  });
});

describe('the server', () => {
  async function serve(served: ApiApp, silentSocketMs?: number): Promise<{ url: URL } & AsyncDisposable> {
    const stop = new AbortController();
    const listening = Promise.withResolvers<string>();
    const { log } = apiContext({ database });
    const health = () => ({ version: '1', uptimeSeconds: 1, healthy: true, ready: true, components: {} });
    const running = serveHttp(
      {
        ...{ host: '127.0.0.1', port: 0, health, log, silentSocketMs },
        loadApi: async () => served.routing,
        onListening: listening.resolve,
      },
      stop.signal,
    );
    return {
      url: new URL(await listening.promise),
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await running;
      },
    };
  }

  test('answers a thousand requests that come at once', async () => {
    await using server = await serve(app);
    const agent = new Agent({ maxSockets: 1_000 });
    const statuses = await Promise.all(
      Array.from({ length: 1_000 }, async (_, index) => {
        const path = index % 2 === 0 ? '/channels' : '/channel/forsen/user/u3/search?q=line';
        const outgoing = request(new URL(path, server.url), { agent, headers: { authorization } }).end();
        const [response] = await once(outgoing, 'response');
        await text(response);
        return response.statusCode as number;
      }),
    );
    agent.destroy();
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  test('makes no more of an answer without end than its client takes, and lets go of the client', async () => {
    let madeBytes = 0;
    let isReleased = false;
    async function* lines() {
      try {
        for (;;) {
          madeBytes += 16_384;
          yield 'x'.repeat(16_384);
        }
      } finally {
        isReleased = true;
      }
    }
    const endless = await start({}, (made) =>
      made.get('/api/endless', { config: { scope: 'export' } }, (_request, reply) =>
        reply.type('application/octet-stream').send(Readable.from(lines())),
      ),
    );
    await using server = await serve(endless, 1_000);
    const before = process.memoryUsage().rss;
    const sockets = Array.from({ length: 20 }, () => {
      const socket = connect(Number(server.url.port), '127.0.0.1');
      socket.on('error', () => {}).pause();
      socket.write(`GET /api/endless HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\n\r\n`);
      return socket;
    });
    await expect.poll(() => isReleased, { timeout: 20_000 }).toBe(true);
    expect(madeBytes).toBeLessThan(20 * 16 * 1024 * 1024);
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    for (const socket of sockets) socket.destroy();
    await endless.close();
  });

  test('breaks off what nobody waits for any more', async () => {
    const begun = Promise.withResolvers<void>();
    const broken = Promise.withResolvers<void>();
    const slow = await start({}, (made) =>
      made.get('/api/slow', { config: { scope: 'read' } }, async ({ signal }) => {
        begun.resolve();
        await database
          .read((session) => session.query('SELECT pg_sleep(60)'), { signal })
          .catch(() => broken.resolve());
        return {};
      }),
    );
    await using server = await serve(slow);
    const gone = new AbortController();
    const asked = fetch(new URL('/api/slow', server.url), { signal: gone.signal }).catch(() => {});
    await begun.promise;
    gone.abort();
    await asked;
    await broken.promise;
    await slow.close();
  });

  test('takes raw bytes in an address for what they are', async () => {
    await using server = await serve(app);
    const paths = [
      '/api/../../etc/passwd',
      '//etc/passwd',
      '/api/docs/../../package.json',
      '/api/docs/%2e%2e%2f%2e%2e%2fpackage.json',
      '/api/\u00e9\u00ff',
      '/%00',
      '/api/docs/..%5c..',
    ];
    for (const path of paths) {
      const socket = connect(Number(server.url.port), '127.0.0.1');
      socket.write(Buffer.from(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`, 'latin1'));
      const answer = await text(socket);
      expect([path, /^HTTP\/1\.1 4\d\d /.test(answer)]).toEqual([path, true]);
      expect(answer).not.toContain('"dependencies"');
    }
  });
});
