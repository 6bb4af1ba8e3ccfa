/** Index and API as `chatlog run` has them: what is said is found, tokens and channels are made by command and by request. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { postgresServer } from '../support/databases.ts';
import { chatLine } from '../support/live-lines.ts';
import { RunningChatlog } from '../support/run-chatlog.ts';
import { chatlog as command, NODE } from '../support/run-command.ts';
import { tempDir } from '../support/temp-dir.ts';
import { joined, runOnTwitch, twitchConfig } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Opening an embedded database for the first time is seconds of work, on a machine that has other work, too. */
const PATIENCE_MS = 100_000;

/** Tests ask again and again until something is so. */
const UNLIMITED = { rate_limit: 1_000_000 };

async function ask(
  url: string,
  { token, method = 'GET', body }: { token?: string; method?: string; body?: unknown } = {},
) {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Texts of the messages that the API has of a channel. */
async function found(url: string, channel: string): Promise<string[]> {
  const { status, body } = await ask(`${url}/api/messages?channel=${channel}`);
  if (status !== 200) return [];
  return (body.messages as { text: string }[]).map(({ text }) => text);
}

test('with nothing configured what is said is found by the API, and tokens and channels are made beside it', {
  timeout: 300_000,
}, async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    config: { index: { enabled: true }, http: UNLIMITED },
  });
  const url = await chatlog.url();
  await joined(chatlog, 'ann');
  server.sayTo('ann', chatLine('ann', 'is anybody reading this'));
  // Before the database is there the API says so, and recording goes on.
  const early = await ask(`${url}/api/messages`);
  expect([200, 503]).toContain(early.status);
  await chatlog.until(
    'the line is found',
    async () => (await found(url, 'ann')).includes('is anybody reading this'),
    PATIENCE_MS,
  );
  const page = await fetch(`${url}/api/docs`);
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  expect((await ask(`${url}/api/openapi.json`)).body).toMatchObject({ openapi: '3.1.0' });
  const health = await ask(`${url}/health`);
  expect(health.body.components).toMatchObject({ index: { ok: true } });

  // Only its own user may read how commands are let in.
  expect((await stat(directory.join('data/state/run.json'))).mode & 0o777).toBe(0o600);
  const made = await command(directory.path, 'token', 'create', '--scope', 'admin', '--name', 'mine');
  expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^clg_[\w-]{43}\n$/) });
  const token = made.stdout.trim();
  expect((await command(directory.path, 'token', 'list')).stdout).toMatch(/ admin .* in force +mine/);

  const wish = { name: '#Bob', platform: 'twitch' };
  expect((await ask(`${url}/api/channels`, { method: 'POST', body: wish })).status).toBe(401);
  const added = await ask(`${url}/api/channels`, { method: 'POST', body: wish, token });
  expect(added).toMatchObject({ status: 201, body: { platform: 'twitch', name: 'bob', configured: true } });
  expect((await ask(`${url}/api/channels`, { method: 'POST', body: wish, token })).status).toBe(409);
  await joined(chatlog, 'bob');
  const before = server.received.filter(({ line }) => line === 'JOIN #bob').length;
  expect((await ask(`${url}/api/channels/bob/rejoin`, { method: 'POST', token })).status).toBe(202);
  await chatlog.until(
    'it joined again',
    () => server.received.filter(({ line }) => line === 'JOIN #bob').length > before,
  );
  const changed = await ask(`${url}/api/channels/bob`, {
    method: 'PATCH',
    token,
    body: { retentionDays: 7 },
  });
  expect(changed).toMatchObject({ status: 200, body: { settings: { retentionDays: 7, samplingRate: 1 } } });
  expect(await readFile(chatlog.configFile, 'utf8')).toMatch(
    /bob\n? +retention_days: 7|bob, retention_days: 7/,
  );
  expect((await ask(`${url}/api/channels/bob`, { method: 'DELETE', token })).body).toMatchObject({
    configured: false,
  });
  await chatlog.until('it left', async () => server.joined('bob') === 0);
  expect((await ask(`${url}/api/channels/bob`, { method: 'DELETE', token })).status).toBe(404);

  expect(await command(directory.path, 'token', 'revoke', 'mine')).toMatchObject({ code: 0 });
  expect((await ask(`${url}/api/tokens`, { token })).status).toBe(401);
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
  expect(chatlog.output).not.toContain(token);

  // Without an instance the command opens the database itself, and finds what was there.
  const list = await command(directory.path, 'token', 'list', '--json');
  expect(JSON.parse(list.stdout)).toMatchObject([{ name: 'mine', revokedAt: expect.any(String) }]);
});

test('one process records, another one answers, and both outlive their database', {
  timeout: 300_000,
}, async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  const postgres = (await postgresServer('PostgreSQL 15'))!;
  const database_url = await postgres.createDatabase();
  const options = { directory: directory.path, channels: ['ann'], config: { database_url, http: UNLIMITED } };
  await using recorder = await runOnTwitch(server, options);
  await joined(recorder, 'ann');
  const file = directory.join('api.yaml');
  await writeFile(
    file,
    stringify({ ...twitchConfig(server, options), http: { port: 0, ...UNLIMITED }, log: { format: 'json' } }),
  );
  const child = spawn(NODE, [`${ROOT}/bin/chatlog.js`, 'api', '--config', file], {
    cwd: directory.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await using api = new RunningChatlog(child, directory.path, file, directory.join('none'));
  let url = '';
  await api.until('it listens', () => {
    url = String(api.log().find(({ msg }) => msg.startsWith('listening'))?.url ?? '');
    return url !== '';
  });
  server.sayTo('ann', chatLine('ann', 'before'));
  await api.until('the line is found', async () => (await found(url, 'ann')).includes('before'), PATIENCE_MS);
  const token = (await command(directory.path, 'token', 'create', '--scope', 'admin')).stdout.trim();
  const refused = await ask(`${url}/api/channels`, { method: 'POST', token, body: { name: 'bob' } });
  expect(refused).toMatchObject({ status: 409, body: { error: { code: 'not_recording' } } });

  await postgres.crash();
  server.sayTo('ann', chatLine('ann', 'while it was away'));
  await api.until('it says 503', async () => (await ask(`${url}/api/messages`)).status === 503);
  const away = await fetch(`${url}/api/messages`);
  expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await fetch(`${await recorder.url()}/health/ready`)).status).toBe(200);
  await postgres.start();
  await api.until(
    'it is found',
    async () => (await found(url, 'ann')).includes('while it was away'),
    PATIENCE_MS,
  );
  expect(await api.stop()).toEqual({ code: 0, signal: null });
  expect(await recorder.stop()).toEqual({ code: 0, signal: null });
});

test('the bundle has with it whatever index and API need, wherever it lies', async () => {
  await using directory = await tempDir();
  const build = spawn(
    NODE,
    [`${ROOT}/node_modules/rolldown/bin/cli.mjs`, '-c', 'rolldown.config.ts', '-d', directory.join('dist')],
    {
      cwd: ROOT,
      stdio: 'ignore',
    },
  );
  expect(await once(build, 'close')).toEqual([0, null]);
  await mkdir(directory.join('work'));
  await cp(`${ROOT}/package.json`, directory.join('package.json'));
  await writeFile(
    directory.join('work/config.yaml'),
    stringify({ http: { port: 0, ...UNLIMITED }, index: { enabled: true }, log: { format: 'json' } }),
  );
  const child = spawn(NODE, [directory.join('dist/main.js'), 'run'], {
    cwd: directory.join('work'),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  await using chatlog = new RunningChatlog(child, directory.path, '', directory.join('work/data'));
  const url = await chatlog.url();
  const script = await fetch(`${url}/api/docs/swagger-ui-bundle.js`);
  expect([script.status, (await script.text()).length > 1_000_000]).toEqual([200, true]);
  await chatlog.until(
    'it answers',
    async () => (await ask(`${url}/api/messages`)).status === 200,
    PATIENCE_MS,
  );
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
});
