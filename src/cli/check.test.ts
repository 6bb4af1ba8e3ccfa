import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { freePort } from '../../test/support/free-port.ts';
import { type TempDir, tempDir } from '../../test/support/temp-dir.ts';
import { startTwitchServer } from '../../test/support/twitch-server.ts';
import { createObjectStore } from '../storage/create-object-store.ts';
import { type CheckTools, check } from './check.ts';
import type { CheckResult } from './checks/check-result.ts';

const TOOLS: CheckTools = { createObjectStore, fetch, timeoutMs: 10_000 };

/** Runs the check on a configuration with nothing switched on but what it names. */
async function checked(directory: TempDir, config: Record<string, unknown>, tools: Partial<CheckTools> = {}) {
  const file = directory.join('config.yaml');
  await writeFile(file, stringify({ http: { enabled: false }, ...config }));
  const terminal = capturedTerminal();
  const exitCode = await check({ config: file, json: true }, terminal, { ...TOOLS, ...tools });
  const { ok, checks } = JSON.parse(terminal.stdout) as { ok: boolean; checks: CheckResult[] };
  return { exitCode, ok, checks, of: (what: string) => checks.find((result) => result.what === what) };
}

/** A server that answers each line of a client. */
async function lineServer(answer: (line: string, socket: Socket) => void): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) => {
    let rest = '';
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\r\n');
      rest = lines.pop()!;
      for (const line of lines) answer(line, socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;
const local = (port: number) => ({ host: '127.0.0.1', port, tls: false, backfill: { enabled: false } });
const irc = (port: number, more = {}) => ({
  irc: { net: { host: '127.0.0.1', port, tls: false, nick: 'bot', ...more } },
});

describe('chatlog check', () => {
  it('is content with what works, storage and disk included, and leaves nothing behind', async () => {
    await using directory = await tempDir('check');
    await using twitch = await startTwitchServer();
    const { exitCode, ok, checks } = await checked(directory, {
      twitch: { ...local(twitch.port), host: 'localhost', tls: true, tls_ca_file: twitch.caFile },
    });
    expect(
      checks.map(({ what, outcome, detail }) => [what, outcome, detail.replaceAll(directory.path, '')]),
    ).toEqual([
      ['configuration', 'ok', '/config.yaml'],
      ['data_dir', 'ok', expect.stringMatching(/^\/data will be created, .* free$/)],
      ['storage', 'ok', expect.stringContaining('wrote, read and removed an object')],
      ['twitch', 'ok', `logged in anonymously at localhost:${twitch.port}`],
    ]);
    expect([ok, exitCode]).toEqual([true, 0]);
  });

  it('tries the token', async () => {
    await using directory = await tempDir('check');
    await using twitch = await startTwitchServer({ tls: false, accounts: { bot: 'right' } });
    const login = (oauth: string) =>
      checked(directory, { twitch: { ...local(twitch.port), username: 'bot', oauth } });
    expect((await login('oauth:right')).of('twitch')).toMatchObject({
      outcome: 'ok',
      detail: expect.stringContaining('as bot'),
    });
    const wrong = await login('wrong');
    expect(wrong.of('twitch')).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining('new token'),
    });
    expect(wrong.exitCode).toBe(1);
  });

  it('says what is wrong with a connection: nobody there, no trust, no TLS, no answer', async () => {
    await using directory = await tempDir('check');
    await using secure = await startTwitchServer();
    await using plain = await startTwitchServer({ tls: false });
    await using silent = await lineServer(() => {});
    const twitch = async (config: Record<string, unknown>, tools = {}) =>
      (await checked(directory, { twitch: config }, tools)).of('twitch')!;
    expect(await twitch(local(await freePort()))).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining('nothing listens there'),
    });
    expect(await twitch({ ...local(secure.port), tls: true })).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining('tls_ca_file'),
    });
    expect(await twitch({ ...local(plain.port), tls: true }, { timeoutMs: 500 })).toMatchObject({
      outcome: 'failed',
      hint: expect.stringMatching(/TLS/),
    });
    expect(await twitch(local(portOf(silent)), { timeoutMs: 300 })).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining('is that a chat server'),
    });
    expect(await twitch({ ...local(secure.port), tls: true, tls_ca_file: 'nope.pem' })).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('nope.pem'),
    });
  });

  it.each([
    [':s 001 bot :hi', 'ok', 'registered as bot'],
    [':s 433 * bot :in use', 'ok', 'is in use'],
    [':s 464 * :bad', 'failed', 'refuses the password'],
    [':s 432 * bot :bad', 'failed', 'refuses the nick'],
    ['ERROR :Closing link', 'failed', 'the server says: :Closing link'],
  ])('takes %j from an IRC server as %s', async (line, outcome, detail) => {
    await using directory = await tempDir('check');
    const said: string[] = [];
    await using server = await lineServer((text, socket) => {
      said.push(text);
      if (text.startsWith('USER')) socket.write(':s NOTICE * :looking up\r\nPING :cookie\r\n');
      if (text === 'PONG :cookie') socket.write(`${line}\r\n`);
    });
    const result = await checked(directory, irc(portOf(server), { server_password: 'a b', realname: 'R' }));
    expect(result.of('irc-net')).toMatchObject({ outcome, detail: expect.stringContaining(detail) });
    expect(said.slice(0, 3)).toEqual(['PASS :a b', 'NICK bot', 'USER bot 0 * :R']);
  });

  it('gives on what a server said before it hung up', async () => {
    await using directory = await tempDir('check');
    await using server = await lineServer((_, socket) => socket.end(':s NOTICE * :go away\r\n'));
    expect((await checked(directory, irc(portOf(server)))).of('irc-net')?.detail).toContain('go away');
  });

  it('only warns where the backfill service is in trouble', async () => {
    await using directory = await tempDir('check');
    await using twitch = await startTwitchServer({ tls: false });
    let code = 200;
    const server = createHttpServer((_, response) => response.writeHead(code).end('{}'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const backfill = async (port: number) =>
      (
        await checked(directory, {
          twitch: { ...local(twitch.port), backfill: { url: `http://127.0.0.1:${port}/api/` } },
        })
      ).of('backfill');
    const port = portOf(server);
    expect(await backfill(port)).toMatchObject({ outcome: 'ok', detail: `127.0.0.1:${port} answers (200)` });
    code = 404;
    expect(await backfill(port)).toMatchObject({ outcome: 'ok' });
    code = 503;
    expect(await backfill(port)).toMatchObject({ outcome: 'warn' });
    server.close();
    server.closeAllConnections();
    expect(await backfill(await freePort())).toMatchObject({
      outcome: 'warn',
      hint: expect.stringContaining('recording works without it'),
    });
  });

  it("tells its own port from somebody else's", async () => {
    await using directory = await tempDir('check');
    await using server = await lineServer(() => {});
    const config = { http: { port: portOf(server) } };
    expect((await checked(directory, config)).of('http')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('another program'),
    });
    await mkdir(directory.join('data/state'), { recursive: true });
    await writeFile(
      directory.join('data/state/run.json'),
      JSON.stringify({ pid: process.pid, url: `http://127.0.0.1:${portOf(server)}` }),
    );
    expect((await checked(directory, config)).of('http')).toMatchObject({
      outcome: 'ok',
      detail: expect.stringContaining(`pid ${process.pid}`),
    });
    expect((await checked(directory, { http: { port: 0 } })).of('http')).toMatchObject({ outcome: 'ok' });
  });

  it('fails where the data directory cannot be one, or holds too little', async () => {
    await using directory = await tempDir('check');
    await writeFile(directory.join('file'), '');
    expect((await checked(directory, { data_dir: 'file/data' })).of('data_dir')).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('is not a directory'),
    });
    const full = await checked(directory, { recorder: { min_free_bytes: Number.MAX_SAFE_INTEGER } });
    expect(full.of('data_dir')).toMatchObject({
      outcome: 'failed',
      hint: expect.stringContaining('make room'),
    });
  });

  it('fails with the storage, and gives on its hint', async () => {
    await using directory = await tempDir('check');
    const { of, exitCode } = await checked(directory, {
      s3: {
        bucket: 'b',
        endpoint: `http://127.0.0.1:${await freePort()}`,
        access_key_id: 'a',
        secret_access_key: 'geheim',
      },
    });
    expect(of('storage')).toMatchObject({ outcome: 'failed' });
    expect(exitCode).toBe(1);
  });

  it('ends though a step hangs that heeds nothing, and shows the others', async () => {
    await using directory = await tempDir('check');
    const hanging: CheckTools['createObjectStore'] = (config, log) =>
      Object.assign(createObjectStore(config, log), { check: () => new Promise<never>(() => {}) });
    const { of, exitCode } = await checked(directory, {}, { createObjectStore: hanging, timeoutMs: 1_000 });
    expect(of('storage')).toEqual({ what: 'storage', outcome: 'failed', detail: 'no answer in 1 s' });
    expect(of('data_dir')).toMatchObject({ outcome: 'ok' });
    expect(exitCode).toBe(1);
  });

  it('prints a table for people, hints below', async () => {
    await using directory = await tempDir('check');
    const file = directory.join('config.yaml');
    await writeFile(
      file,
      stringify({ http: { enabled: false }, twitch: { ...local(await freePort()), channels: ['a', 'a'] } }),
    );
    const terminal = capturedTerminal();
    expect(await check({ config: file }, terminal, TOOLS)).toBe(1);
    expect(terminal.stdout).toMatch(
      /^WHAT {11}RESULT {2}DETAIL\nconfiguration {2}warn {4}.*with 1 warning \(above\)\n/,
    );
    expect(terminal.stdout).toMatch(/\n\ntwitch: nothing listens there: check host and port\n$/);
    expect(terminal.stderr).toContain('is there already on line');
  });
});
