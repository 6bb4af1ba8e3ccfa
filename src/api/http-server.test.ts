import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { expect, it } from 'vitest';
import { silentLog } from '../../test/support/recorder-fixture.ts';
import { type HttpServerOptions, serveHttp } from './http-server.ts';

async function serve(options: Partial<HttpServerOptions> = {}): Promise<{ url: string } & AsyncDisposable> {
  const stop = new AbortController();
  const listening = Promise.withResolvers<string>();
  const running = serveHttp(
    {
      host: '127.0.0.1',
      port: 0,
      health: () => ({ version: '1', uptimeSeconds: 1, healthy: true, ready: true, components: {} }),
      log: silentLog,
      onListening: listening.resolve,
      ...options,
    },
    stop.signal,
  );
  return {
    url: await listening.promise,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

const echo: RequestListener = async (request, response) => {
  response.end(`${request.method} ${request.url} ${await text(request)}`);
};

it('loads the API by the first request that is for it, once', async () => {
  let loads = 0;
  await using server = await serve({
    loadApi: async () => {
      loads++;
      return echo;
    },
  });
  expect((await fetch(`${server.url}/health/live`)).status).toBe(200);
  expect(loads).toBe(0);
  const answers = await Promise.all(
    ['/api/x?y=1', '/', '/health/other'].map(async (path) => (await fetch(server.url + path)).text()),
  );
  expect(answers).toEqual(['GET /api/x?y=1 ', 'GET / ', 'GET /health/other ']);
  const posted = await fetch(`${server.url}/api/z`, { method: 'POST', body: 'content' });
  expect(await posted.text()).toBe('POST /api/z content');
  expect(loads).toBe(1);
});

it('tries again to load what could not be loaded, and is well meanwhile', async () => {
  let loads = 0;
  await using server = await serve({
    loadApi: async () => {
      if (++loads === 1) throw new Error('at /srv/app.js:1');
      return echo;
    },
  });
  const failed = await fetch(`${server.url}/api`);
  expect(failed.status).toBe(500);
  expect(await failed.json()).toEqual({
    error: { code: 'internal', message: expect.not.stringContaining('app') },
  });
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect((await fetch(`${server.url}/api`)).status).toBe(200);
});

it('hands on no request whose client left while the API was loading', async () => {
  const loading = Promise.withResolvers<void>();
  const paths: (string | undefined)[] = [];
  const arrived = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  await using server = await serve({
    isForApi: ({ url, socket }) => {
      if (url === '/left') {
        socket.once('close', left.resolve);
        arrived.resolve();
      }
      return true;
    },
    loadApi: async () => {
      await loading.promise;
      return (request, response) => {
        paths.push(request.url);
        response.end();
      };
    },
  });
  const leaving = new AbortController();
  const gone = fetch(`${server.url}/left`, { signal: leaving.signal }).catch(() => {});
  const waits = fetch(`${server.url}/waits`);
  await arrived.promise;
  leaving.abort();
  await Promise.all([gone, left.promise]);
  loading.resolve();
  await waits;
  expect(paths).toEqual(['/waits']);
});

it('has neither status nor metrics where nothing is recorded', async () => {
  await using server = await serve();
  for (const path of ['/status', '/metrics', '/api/messages']) {
    const response = await fetch(server.url + path);
    expect([response.status, await response.json()]).toEqual([
      404,
      { error: expect.objectContaining({ code: 'not_found' }) },
    ]);
  }
});

it.each([
  ['this is no HTTP\r\n\r\n', 400, 'bad_request'],
  [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  [
    'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    400,
    'bad_request',
  ],
])('refuses %.20j in the one form of errors, and hangs up', async (bytes, status, code) => {
  await using server = await serve({ loadApi: async () => echo });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(bytes);
  const answer = await text(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(JSON.parse(answer.split('\r\n\r\n')[1]!).error.code).toBe(code);
});

it.each([
  ['the head', 'GET / HTTP/1.1\r\nhost: x\r\nx: '],
  ['the body', 'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nfew'],
])('hangs up on who takes too long over %s', async (_, bytes) => {
  await using server = await serve({ loadApi: async () => echo, requestTimeoutMs: 200 });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes);
  expect(await text(socket)).toMatch(/^HTTP\/1.1 408 [\s\S]*"code":"request_timeout"/);
});

it('keeps little for a client that does not read, and hangs up on it', async () => {
  let madeBytes = 0;
  const closed = Promise.withResolvers<void>();
  const endless: RequestListener = (_request, response) => {
    const line = 'x'.repeat(16_384);
    async function* lines() {
      for (;;) {
        madeBytes += line.length;
        yield line;
      }
    }
    pipeline(lines, response).then(closed.resolve, () => closed.resolve());
  };
  await using server = await serve({ loadApi: async () => endless, silentSocketMs: 300 });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {}).pause();
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await closed.promise;
  // What the two sockets hold in the system is not ours to choose; a few MB here.
  expect(madeBytes).toBeLessThan(32 * 1024 * 1024);
  socket.destroy();
});
