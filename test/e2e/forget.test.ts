/** Forgetting a person while recording goes on: no byte of them anywhere, every other line as it was. */
import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { migrate } from '../../src/index/database/migrate.ts';
import { openIndexDatabase } from '../../src/index/open-index-database.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { chatLine } from '../support/live-lines.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { decompress } from '../support/read-archive.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import type { RunningChatlog } from '../support/run-chatlog.ts';
import { chatlog as command } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { collect } from '../support/segments.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer, type TwitchServer } from '../support/twitch-server.ts';

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const HOURS = 4;
const PAST_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 100 * HOUR_MS;
const THEM = /424242|forgetme_q|zq-secret/i;
const DRY_RUN = ['forget', '--user', 'ForgetMe_Q', '--dry-run', '--json'];

let s3: TestS3;
let postgres: PostgresServer;
beforeAll(async () => {
  [s3, postgres] = await Promise.all([startS3(), startPostgres(15)]);
});
afterAll(async () => {
  await s3.stop();
  await postgres.stop();
});

function theirLine(channel: string, text: string, ms: number): string {
  return chatLine(channel, text, ms)
    .replaceAll('ann!ann@ann', 'forgetme_q!forgetme_q@forgetme_q')
    .replace('display-name=Ann', 'display-name=ForgetMe_Q')
    .replace('user-id=2;', 'user-id=424242;');
}

/** Somebody else's, about them: as they come, and with what has to be blanked in them. */
function linesAbout(channel: string, ms: number): string[] {
  const ban = `@ban-duration=5;room-id=1;target-user-id=424242;tmi-sent-ts=${ms} :tmi.twitch.tv CLEARCHAT #${channel} :forgetme_q`;
  const deletion = `@login=forgetme_q;room-id=;target-msg-id=${randomUUID()};tmi-sent-ts=${ms} :tmi.twitch.tv CLEARMSG #${channel} :zq-secret deleted`;
  const quoted =
    'reply-parent-display-name=ForgetMe_Q;reply-parent-msg-body=zq-secret\\sagain;' +
    `reply-parent-msg-id=${randomUUID()};reply-parent-user-id=424242;reply-parent-user-login=forgetme_q;`;
  const reply = chatLine(channel, '@ForgetMe_Q what?', ms).replace('room-id=1;', `${quoted}room-id=1;`);
  return [ban, deletion, reply, chatLine(channel, 'I agree with @forgetme_q, as always', ms + 1)];
}

function conversation(channel: string): { theirs: string[]; others: string[] } {
  const hours = [...Array(HOURS).keys()].map((hour) => PAST_MS + hour * HOUR_MS);
  const times = [...hours, Date.now()];
  const theirs = times.flatMap((ms) => [
    theirLine(channel, `zq-secret of ${ms}`, ms),
    ...linesAbout(channel, ms + 5),
  ]);
  const others = times.flatMap((ms) => [
    chatLine(channel, `first ☃ of ${ms}`, ms + 1),
    chatLine(channel, `second of ${ms}`, ms + 9),
  ]);
  return { theirs, others };
}

/** Lines of all objects, as text, by key. */
async function objects(store: ObjectStore): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { key } of store.list('', never))
    found.set(key, decompress(key, await collect(store.get(key, never))).toString());
  return found;
}

/** Everything on the local disk that is not the database's. */
async function localTexts(dataDir: string): Promise<string> {
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const own = files.filter((file) => !file.startsWith(join(dataDir, 'index/')));
  const texts = await Promise.all(
    own.map(
      async (file) => `${file}\n${decompress(file, await readFile(file).catch(() => Buffer.alloc(0)))}`,
    ),
  );
  return texts.join('\n');
}

async function databaseTexts(options: object): Promise<string> {
  const config = configSchema.parse(options);
  await using database = await openIndexDatabase(config, silentLog);
  await migrate(database);
  return await database.read(async (session) => {
    const { rows } = await session.query(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    const texts: unknown[] = [];
    for (const { name } of rows)
      texts.push(
        (await session.query(`SELECT string_agg(t::text, E'\\n') AS text FROM "${name}" t`)).rows[0]?.text,
      );
    return texts.join('\n');
  });
}

async function demandIndexed(chatlog: RunningChatlog, channel: string): Promise<void> {
  const answer = await fetch(`${await chatlog.url()}/channel/${channel}/user/forgetme_q/stats`);
  const { messageCount } = (await answer.json()) as { messageCount?: number };
  // What they said, and what befell them.
  expect(messageCount, channel).toBe(2 * (HOURS + 1));
}

interface Place {
  config: Record<string, unknown>;
  store: ObjectStore;
}

const PLACES: [string, (directory: string) => Promise<Place>][] = [
  [
    'S3 and PostgreSQL',
    async () => {
      const { endpoint, region, accessKeyId, secretAccessKey } = s3;
      const settings = {
        bucket: await s3.createBucket(),
        endpoint,
        region,
        prefix: 'chat/',
        force_path_style: true,
      };
      const config = { s3: { ...settings, access_key_id: accessKeyId, secret_access_key: secretAccessKey } };
      return {
        config: { ...config, database_url: await postgres.createDatabase() },
        store: createObjectStore(configSchema.parse(config), silentLog),
      };
    },
  ],
  [
    'a directory and the embedded database',
    async (directory) => ({
      config: { index: { enabled: true, poll_interval_seconds: 0.5 } },
      store: createObjectStore(
        configSchema.parse({ archive: { directory: join(directory, 'archive') } }),
        silentLog,
      ),
    }),
  ],
];

describe.each(PLACES)('with %s', (_, prepare) => {
  let twitch: TwitchServer;
  beforeAll(async () => {
    twitch = await startTwitchServer();
  });
  afterAll(() => twitch[Symbol.asyncDispose]());

  test('a person is forgotten through kill -9, and no byte of them is left, nor any other changed', {
    timeout: 300_000,
  }, async () => {
    await using dir = await tempDir('forget');
    const { config, store } = await prepare(dir.path);
    const start = async () => {
      const chatlog = await runOnTwitch(twitch, {
        directory: dir.path,
        channels: ['xone', 'ytwo'],
        config: { http: { rate_limit: 100_000 }, index: { poll_interval_seconds: 0.5 }, ...config },
      });
      await joined(chatlog, 'xone', 'ytwo');
      return chatlog;
    };
    const first = await start();
    const talks = { xone: conversation('xone'), ytwo: conversation('ytwo') };
    for (const [channel, { theirs, others }] of Object.entries(talks))
      twitch.sayTo(channel, ...theirs, ...others);
    const all = Object.values(talks).flatMap(({ theirs, others }) => [...theirs, ...others]);
    if (!('s3' in config)) await arrived(first, all);
    await first.until(
      'past hours are uploaded',
      async () => (await first.status()).upload.uploaded >= 2 * HOURS,
    );
    await first.until(
      'the index has them',
      async () => {
        await demandIndexed(first, 'xone');
        await demandIndexed(first, 'ytwo');
        return true;
      },
      90_000,
    );
    let before = await objects(store);
    let survey = await command(dir.path, ...DRY_RUN);
    const now = await objects(store);
    // What is recorded now is uploaded, too, when its hour is over.
    if (now.size > before.size) {
      before = now;
      survey = await command(dir.path, ...DRY_RUN);
    }
    expect(survey).toMatchObject({ code: 0, stderr: '' });
    const planned = JSON.parse(survey.stdout);
    expect(planned).toMatchObject({
      person: { userKey: '424242' },
      report: {
        // Where an hour ended in between, what is said of the connection can have an object of its own.
        objectsChanged: [...before.values()].filter((text) => THEM.test(text)).length,
        // However many of them lie on the disk and in storage.
        linesRemoved: 2 * 3 * (HOURS + 1),
        linesBlanked: 2 * 2 * (HOURS + 1),
      },
    });
    expect(await objects(store)).toEqual(before);

    const asking = command(dir.path, 'forget', '--user', 'id:424242');
    await first.until('it has begun', async () => {
      const now = await objects(store);
      return [...before].some(([key, text]) => now.get(key) !== text);
    });
    await first.kill();
    expect((await asking).code).not.toBe(0);

    const second = await start();
    twitch.sayTo('xone', chatLine('xone', 'life goes on'));
    await second.until(
      'nothing of them is left',
      async () => {
        const texts = [...(await objects(store)).values(), await localTexts(second.dataDir)];
        return !texts.some((text) => THEM.test(text));
      },
      60_000,
    );
    const again = await command(dir.path, 'forget', '--user', 'id:424242', '--json');
    if (again.code !== 0) expect(again.stderr).toContain('nobody called 424242');
    await second.until('everything is uploaded', async () => (await second.status()).spool.sealedFiles === 0);
    await second.stop();

    const after = await objects(store);
    const local = await localTexts(second.dataDir);
    for (const [key, text] of before) {
      const kept = text.split('\n').filter((line) => line !== '' && !THEM.test(line));
      const now = (after.get(key) ?? '').split('\n').filter((line) => line !== '');
      expect(now.filter((line) => !line.includes('****'))).toEqual(kept);
      expect(now.length).toBe(
        kept.length + text.split('\n').filter((line) => /what\?|as always/.test(line)).length,
      );
    }
    expect([...after.values()].join('\n')).not.toMatch(THEM);
    expect(local).not.toMatch(THEM);
    expect(local + [...after.values()].join('\n')).toContain('life goes on');
    const rows = await databaseTexts({ data_dir: second.dataDir, ...config });
    expect(rows).not.toMatch(THEM);
    expect(rows).toContain('I agree with @**********, as always');
    store.close();
  });

  test('whoever says a code in the chat is recorded no more', async () => {
    await using dir = await tempDir('optout');
    const { config, store } = await prepare(dir.path);
    const chatlog = await runOnTwitch(twitch, { directory: dir.path, channels: ['xone'], config });
    await joined(chatlog, 'xone');
    const answer = await fetch(`${await chatlog.url()}/optout`, { method: 'POST' });
    expect(answer.status).toBe(200);
    const code = (await answer.json()) as string;
    twitch.sayTo('xone', theirLine('xone', `!chatlog optout ${code}`, Date.now()));
    await chatlog.until('it is decided', async () => {
      const { stdout } = await command(dir.path, 'optout', 'list', '--json');
      return JSON.parse(stdout).length === 1;
    });
    twitch.sayTo('xone', theirLine('xone', 'zq-secret', Date.now()), chatLine('xone', 'somebody else'));
    await chatlog.until('the other line is recorded', async () =>
      (await localTexts(chatlog.dataDir)).includes('somebody else'),
    );
    expect(await localTexts(chatlog.dataDir)).not.toContain('zq-secret');
    const back = await command(dir.path, 'optout', 'remove', '--user', 'id:424242');
    expect(back).toMatchObject({ code: 0 });
    twitch.sayTo('xone', theirLine('xone', 'here again', Date.now()));
    await chatlog.until('they are recorded again', async () =>
      (await localTexts(chatlog.dataDir)).includes('here again'),
    );
    await chatlog.stop();
    store.close();
  });
});
