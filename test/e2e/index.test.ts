/** The index as people meet it: beside the recorder, from the command line, without a database, and out of a bucket alone. */
import { writeFile } from 'node:fs/promises';

import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createToken, listTokens } from '../../src/api/tokens/token-store.ts';
import { configSchema } from '../../src/config/schema.ts';
import { createPostgresDatabase } from '../../src/index/database/postgres-database.ts';
import { openSpool } from '../../src/spool.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import { createUploader } from '../../src/uploading/uploader.ts';
import { postgresServer } from '../support/databases.ts';
import { contentsChecksum, indexContents } from '../support/index-contents.ts';
import { bytesOf, CHAT_START_MS, indexedChat, segmentNamed } from '../support/indexed-chat.ts';
import { chatLine } from '../support/live-lines.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { chatlog as command } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';

test('a recorded line can be queried within ten seconds, with nothing but the embedded database', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    config: { index: { enabled: true } },
  });
  await joined(chatlog, 'ann');
  const textsOf = async () => {
    const { messages = [] } = (await chatlog.get('/api/messages?channel=ann&limit=100')) as {
      messages?: { text: string }[];
    };
    return messages.map(({ text }) => text);
  };
  server.sayTo('ann', chatLine('ann', 'the first, while the database is being made'));
  await chatlog.until('the first is there', async () => (await textsOf()).length === 1, 90_000);
  const saidMs = performance.now();
  server.sayTo('ann', chatLine('ann', 'the second'));
  await chatlog.until('the second is there', async () => (await textsOf()).includes('the second'));
  expect(performance.now() - saidMs).toBeLessThan(10_000);
  const { components } = await chatlog.status();
  expect(components.index).toMatchObject({ ok: true });

  // The instance owns the database: the command has it done.
  const { code, stdout, stderr } = await command(directory.path, 'index', '--rebuild', '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ failed: 0, refusedFiles: 0 });
  await chatlog.until('both are there again', async () => (await textsOf()).length === 2);
  const watching = await command(directory.path, 'index', '--watch');
  expect(watching).toMatchObject({ code: 1, stderr: expect.stringContaining('follows by itself') });
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
});

describe('the recorder does not notice', () => {
  test.each(['that refuses connections', 'that takes connections and says nothing'])(
    'a database %s',
    async (kind) => {
      await using directory = await tempDir();
      await using twitch = await startTwitchServer({ tls: false });
      const mute = createServer((socket) => void socket.on('error', () => {}));
      await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
      const { port } = mute.address() as AddressInfo;
      if (kind.includes('refuses')) await new Promise((resolve) => mute.close(resolve));
      try {
        await using chatlog = await runOnTwitch(twitch, {
          directory: directory.path,
          channels: ['ann'],
          config: { database_url: `postgres://u:p@127.0.0.1:${port}/chatlog` },
        });
        await joined(chatlog, 'ann');
        const lines = Array.from({ length: 50 }, (_, n) => chatLine('ann', `line ${n}`));
        twitch.sayTo('ann', ...lines);
        await arrived(chatlog, lines);
        await chatlog.until(
          'it says so',
          async () => (await chatlog.status()).components.index?.ok === false,
        );
        expect((await fetch(`${await chatlog.url()}/health/ready`)).status).toBe(200);
        expect(chatlog.output).not.toContain(':p@');
        const stoppedMs = performance.now();
        expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
        expect(performance.now() - stoppedMs).toBeLessThan(10_000);
      } finally {
        mute.close();
      }
    },
  );
});

describe('out of the bucket', () => {
  let s3: TestS3;
  beforeAll(async () => {
    s3 = await startS3();
  });
  afterAll(() => s3.stop());

  test('a dropped database comes back as it was, on a machine that has nothing else', async () => {
    await using here = await tempDir('recorder');
    await using elsewhere = await tempDir('elsewhere');
    const bucket = await s3.createBucket();
    const { endpoint, region, access_key_id, secret_access_key, force_path_style } = s3.s3Config(bucket);
    const postgres = (await postgresServer('PostgreSQL 15'))!;
    const configure = async (path: string, url: string) => {
      const config = {
        ...{ data_dir: 'data', database_url: url },
        s3: { bucket, endpoint, region, access_key_id, secret_access_key, force_path_style, prefix: 'logs/' },
      };
      await writeFile(path, stringify(config));
      return configSchema.parse(config);
    };
    const contentsOf = async (url: string) => {
      await using database = createPostgresDatabase({ url, poolMax: 2, log: silentLog });
      return indexContents(database);
    };
    const firstUrl = await postgres.createDatabase();
    const config = await configure(here.join('config.yaml'), firstUrl);
    const spool = await openSpool(here.join('data'));
    for (let hour = 0; hour < 3; hour++) {
      for (const channel of ['ann', 'bob']) {
        const startMs = CHAT_START_MS + hour * 3_600_000;
        const lines = indexedChat({ channel, lines: 200, startMs, seed: `${hour} ` });
        await writeFile(spool.path('sealed', segmentNamed(channel, startMs)), bytesOf(lines));
      }
    }
    // First from the disk, so that the second time has another source.
    expect(await command(here.path, 'index')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1200 lines'),
    });
    const before = await contentsOf(firstUrl);
    expect(before.messages.length).toBeGreaterThan(1_100);

    const store = createObjectStore(config, silentLog);
    const stop = new AbortController();
    const uploader = createUploader({
      ...{ spool, store, log: silentLog, now: Date.now, mayDelete: () => true, pollMs: 50 },
      config: { ...config, recorder: { ...config.recorder, min_free_bytes: 0 } },
    });
    const uploading = uploader.run(stop.signal);
    await waitFor('all is uploaded', () => uploader.status().uploaded === 6, { timeoutMs: 60_000 });
    stop.abort();
    await uploading;
    store.close();

    await postgres.dropDatabase(firstUrl);
    const secondUrl = await postgres.createDatabase();
    await configure(elsewhere.join('config.yaml'), secondUrl);
    expect(await command(elsewhere.path, 'index', '--rebuild')).toMatchObject({ code: 0, stderr: '' });
    const after = await contentsOf(secondUrl);
    expect(after).toEqual(before);
    expect(contentsChecksum(after)).toBe(contentsChecksum(before));

    // Over what is there already, keeping what lines do not bring back.
    await using database = createPostgresDatabase({ url: secondUrl, poolMax: 2, log: silentLog });
    await createToken(database, { scope: 'read', name: 'viewer' });
    const part = await command(elsewhere.path, 'index', '--rebuild', '--channel', 'bob', '--json');
    expect(JSON.parse(part.stdout)).toMatchObject({ segments: 3, loaded: 3, failed: 0, lines: 600 });
    const rest = await command(elsewhere.path, 'index', '--json');
    expect(JSON.parse(rest.stdout)).toMatchObject({ segments: 6, loaded: 3, failed: 0, lines: 600 });
    expect(await indexContents(database)).toEqual(before);
    expect(await listTokens(database)).toHaveLength(1);
  });
});
