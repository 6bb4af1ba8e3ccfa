import { expect, test } from 'vitest';
import { apiContext } from '../../test/support/api-context.ts';
import { openDatabase } from '../../test/support/databases.ts';
import { indexLines } from '../../test/support/index-lines.ts';
import { indexConfig, loaderOn, segmentChunk } from '../../test/support/loader-fixture.ts';
import { silentLog } from '../../test/support/recorder-fixture.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { createApiApp } from '../api/app.ts';
import { registerPrivacyRoutes } from '../api/routes/admin-privacy.ts';
import { newToken } from '../api/tokens/token-store.ts';
import type { ChatEvent } from '../event.ts';
import { openSpool } from '../spool.ts';
import { createDirectoryObjectStore } from '../storage/directory-object-store.ts';
import { NOBODY_RECORDS } from './forget/forget-files.ts';
import { openPrivacy } from './open-privacy.ts';
import { CODE_SECONDS, OptoutCodes, optoutCodeIn } from './optout-codes.ts';

const NOW = Date.UTC(2026, 9, 5);
const never = new AbortController().signal;

async function desk() {
  const directory = await tempDir('desk');
  const database = await openDatabase('PostgreSQL 15');
  const spool = await openSpool(directory.join('data'));
  const store = await createDirectoryObjectStore(directory.join('archive'));
  const loader = loaderOn(database, NOW);
  await loader.load([segmentChunk('all', indexLines({ seed: 2, lines: 300 }))]);
  const parts = { spool, store, database, log: silentLog, now: Date.now, config: () => indexConfig() };
  const {
    forgetter,
    decisions,
    desk: privacyDesk,
  } = await openPrivacy({ ...parts, keepers: NOBODY_RECORDS });
  const localToken = newToken();
  const overrides = { privacyDesk, privacy: decisions.gate, localToken };
  const app = await createApiApp(apiContext({ database, directory: directory.join('archive'), overrides }));
  registerPrivacyRoutes(app, apiContext({ database, overrides }));
  await app.ready();
  const inject = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
    app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${localToken}` },
      ...(payload && { payload }),
    });
  return {
    inject,
    app,
    forgetter,
    decisions,
    privacyDesk,
    query: (sql: string, parameters: unknown[] = []) =>
      database.read(async (session) => (await session.query(sql, parameters)).rows),
    async [Symbol.asyncDispose]() {
      await app.close();
      await database[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

test('admins opt users and channels out and in again, and nobody else does', async () => {
  await using it = await desk();
  const out = await it.inject('POST', '/api/admin/optouts', { user: 'ann' });
  expect(out.statusCode).toBe(201);
  await it.inject('POST', '/api/admin/optouts', { platform: 'irc-libera', channel: '#talk' });
  expect(it.decisions.gate.isUserOptedOut('twitch', '100')).toBe(true);
  expect(it.decisions.gate.isChannelOptedOut('irc-libera', '#talk')).toBe(true);
  const { optouts } = (await it.inject('GET', '/api/admin/optouts')).json();
  expect(optouts).toEqual([
    expect.objectContaining({
      platform: 'twitch',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      by: expect.any(String),
    }),
    expect.objectContaining({ platform: 'irc-libera', channel: '#talk' }),
  ]);
  expect((await it.inject('DELETE', '/api/admin/optouts?user=id:100')).statusCode).toBe(200);
  expect(it.decisions.gate.isUserOptedOut('twitch', '100')).toBe(false);
  expect((await it.inject('POST', '/api/admin/optouts', { user: 'nobody here' })).statusCode).toBe(404);
  expect((await it.inject('POST', '/api/admin/optouts', {})).statusCode).toBe(400);
  const foreign = await it.app.inject({
    method: 'POST',
    url: '/api/admin/optouts',
    payload: { user: 'ann' },
  });
  expect(foreign.statusCode).toBe(401);
});

test('forgetting goes on in the background and tells how far it is', async () => {
  await using it = await desk();
  const running = new AbortController();
  const done = it.forgetter.run(running.signal);
  const begun = await it.inject('POST', '/api/admin/forget', { user: 'bob', optOut: true });
  expect(begun.statusCode).toBe(202);
  const ask = async () => (await it.inject('GET', `/api/admin/forget/${begun.json().id}`)).json();
  await waitFor('the end', async () => (await ask()).state === 'done');
  const job = await ask();
  expect(job).toMatchObject({ person: { platform: 'twitch', userKey: '101' }, dryRun: false });
  expect(job.report.rows).toBeGreaterThan(0);
  expect(await it.query("SELECT id FROM users WHERE platform = 'twitch' AND user_key = '101'")).toEqual([]);
  expect(it.decisions.gate.isUserOptedOut('twitch', '101')).toBe(true);
  const unknown = await it.inject('POST', '/api/admin/forget', { user: 'nobody here' });
  await waitFor('the refusal', async () => {
    const answer = await it.inject('GET', `/api/admin/forget/${unknown.json().id}`);
    return answer.json().error?.code === 'person_unknown';
  });
  expect((await it.inject('GET', '/api/admin/forget/none')).statusCode).toBe(404);
  running.abort();
  await done;
});

test('a message is marked as deleted with who did it, and removed for good where that is asked for', async () => {
  await using it = await desk();
  const [row] = await it.query(
    "SELECT m.key FROM messages m JOIN channels c ON c.id = m.channel_id WHERE c.platform = 'twitch' AND type = 0 AND deleted_at IS NULL ORDER BY ts LIMIT 1",
  );
  const key = row!.key as string;
  const soft = await it.inject('DELETE', `/api/messages/${key}`);
  expect(soft.statusCode).toBe(200);
  const [marked] = await it.query(
    'SELECT m.deleted_at, a.moderator FROM messages m JOIN mod_actions a ON a.key = m.deleted_by WHERE m.key = $1',
    [key],
  );
  expect(marked).toEqual({ deleted_at: new Date(soft.json().timestamp), moderator: expect.any(String) });
  expect((await it.inject('DELETE', `/api/messages/${key}?hard=true`)).statusCode).toBe(200);
  await it.forgetter.carryOutAll(never);
  expect(await it.query('SELECT key FROM messages WHERE key = $1', [key])).toEqual([]);
  expect(it.decisions.gate.isMessagePurged('twitch', key)).toBe(true);
  expect((await it.inject('DELETE', `/api/messages/${key}`)).statusCode).toBe(404);
});

test('a code opts out whoever says it, once, for a minute', () => {
  let nowMs = NOW;
  const codes = new OptoutCodes({ now: () => nowMs });
  const code = codes.issue()!;
  expect(optoutCodeIn(` !ChatLog  OptOut ${code} `, 'chatlog')).toBe(code);
  for (const text of [
    `!other optout ${code}`,
    `chatlog optout ${code}`,
    `!chatlog optout ${code} x`,
    '!chatlog optout',
  ])
    expect(optoutCodeIn(text, 'chatlog')).toBeUndefined();
  expect(codes.redeem(code.toUpperCase())).toBe(true);
  expect(codes.redeem(code)).toBe(false);
  const late = codes.issue()!;
  nowMs += CODE_SECONDS * 1000;
  expect(codes.redeem(late)).toBe(false);
  const many = Array.from({ length: 2_000 }, () => codes.issue()).filter((issued) => issued !== undefined);
  expect(many.length).toBe(1_000);
  nowMs += CODE_SECONDS * 1000;
  expect(codes.issue()).toBeDefined();
});

test('only a code in a live message of the right words counts', async () => {
  await using it = await desk();
  const said = (message: string): ChatEvent => ({
    timestamp: new Date(NOW).toISOString(),
    channel: 'xqc',
    ...{ username: 'eve', user_id: '555', message, platform: 'twitch' },
  });
  const code = it.privacyDesk.issueCode();
  it.privacyDesk.onCommand(said('!chatlog optout wrong'));
  it.privacyDesk.onCommand(said(`!other optout ${code}`));
  expect(it.decisions.all()).toEqual([]);
  it.privacyDesk.onCommand(said(`!chatlog optout ${code}`));
  await waitFor('the decision', () => it.decisions.gate.isUserOptedOut('twitch', '555'));
  expect(it.decisions.all()[0]).toMatchObject({ kind: 'opt_out', by: 'self' });
});
