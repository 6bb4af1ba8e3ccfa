/**
 * `chatlog verify` over what really was recorded: by two recorders, through restarts, kills and lost connections, with lines
 * filled from the history; on a real S3 server. Each planted fault is found, and nothing else.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { VerifyReport } from '../../src/archive/verify/verify-archive.ts';
import { configSchema } from '../../src/config/schema.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { startFaultFront } from '../support/fault-front.ts';
import { chatLine } from '../support/live-lines.ts';
import { startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import type { RunningChatlog } from '../support/run-chatlog.ts';
import { BIN, chatlog as command, NODE } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { collect } from '../support/segments.ts';
import { describedLines, putLines, saidLines } from '../support/stored-lines.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';
import { arrived, caughtUp, gapsWritten, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer, type TwitchServer } from '../support/twitch-server.ts';

const never = new AbortController().signal;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The beginning of a day that is long over. */
const PAST_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS - 5 * DAY_MS;
const CHANNELS = ['ann', 'con'];

let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.stop());

/** Where an archive lies, with what tests do to it behind Chatlog's back. */
interface Place extends AsyncDisposable {
  /** As a configuration names it. */
  readonly config: Record<string, unknown>;
  readonly store: ObjectStore;
  /** Puts these bytes there and leaves the metadata as it is. */
  damage(key: string, bytes: Buffer): Promise<void>;
}

async function bucket(): Promise<Place> {
  const name = await s3.createBucket();
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    ...{ endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true },
  });
  const keys = { access_key_id: accessKeyId, secret_access_key: secretAccessKey };
  const config = { s3: { bucket: name, endpoint, region, ...keys, force_path_style: true } };
  const at = (key: string) => ({ Bucket: name, Key: key });
  return {
    config,
    store: createObjectStore(configSchema.parse(config), silentLog),
    damage: async (key, bytes) => {
      const { Metadata } = await client.send(new GetObjectCommand(at(key)));
      await client.send(new DeleteObjectCommand(at(key)));
      await client.send(new PutObjectCommand({ ...at(key), Body: bytes, Metadata }));
    },
    [Symbol.asyncDispose]: async () => client.destroy(),
  };
}

/** What two recorders left: five hours of a day that is over, and of today what came around outages. */
async function record(place: Place, home: TempDir): Promise<void> {
  await using server = await startTwitchServer({ tls: false });
  await using history = await startRecentMessagesServer({ history: server.history });
  const run = async (instance: string): Promise<RunningChatlog> => {
    const chatlog = await runOnTwitch(server, {
      directory: home.join(instance),
      channels: CHANNELS,
      twitch: { backfill: { enabled: true, url: history.url } },
      recorder: { keep_local_hours: 1_000 },
      config: { instance, ...place.config },
    });
    await caughtUp(chatlog, ...CHANNELS);
    return chatlog;
  };
  const past = CHANNELS.flatMap((channel) =>
    [0, 1, 2, 3, 4].flatMap((hour) =>
      Array.from({ length: 40 }, (_, minute) =>
        chatLine(channel, `minute ${minute}`, PAST_MS + hour * HOUR_MS + minute * 90_000),
      ),
    ),
  );
  {
    await using one = await run('one');
    await using two = await run('two');
    await say(server, [one, two], past);
    await one.kill();
    await two.stop();
  }
  await sleep(1_200);
  const meanwhile = [chatLine('ann', 'while nobody listened')];
  server.sayTo('ann', ...meanwhile);
  await using one = await run('one');
  await using two = await run('two');
  await arrived(one, meanwhile);
  const dropped = Date.now();
  server.dropAll();
  await sleep(Math.max(0, 1_200 - (Date.now() - dropped)));
  await Promise.all([one, two].map((chatlog) => caughtUp(chatlog, ...CHANNELS)));
  await gapsWritten(one, 1);
  await Promise.all([one.stop(), two.stop()]);
  // What was sealed at the end is uploaded by the next start.
  for (const instance of ['one', 'two']) {
    await using chatlog = await run(instance);
    await uploaded(chatlog);
    await chatlog.stop();
  }
}

async function say(
  server: TwitchServer,
  recorders: readonly RunningChatlog[],
  lines: readonly string[],
): Promise<void> {
  for (const channel of CHANNELS)
    server.sayTo(channel, ...lines.filter((line) => line.includes(` PRIVMSG #${channel} `)));
  for (const chatlog of recorders) await uploaded(chatlog, 10);
}

async function uploaded(chatlog: RunningChatlog, atLeast = 1): Promise<void> {
  await chatlog.until(`${atLeast} segments uploaded, none waits`, async () => {
    const { upload, spool } = await chatlog.status();
    return upload.uploaded >= atLeast && spool.sealedFiles === 0;
  });
}

interface Verified {
  code: number | null;
  report: VerifyReport;
  found: string[][];
}

async function verify(home: TempDir, ...options: readonly string[]): Promise<Verified> {
  const { code, stdout, stderr } = await command(home.join('one'), 'verify', '--json', ...options);
  if (!stdout.startsWith('{')) throw new Error(`no report: ${stderr}`);
  const report = JSON.parse(stdout) as VerifyReport;
  return { code, report, found: report.problems.map(({ code, key }) => [code, key]).toSorted() };
}

async function keysOf({ store }: Place): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('', never)) keys.push(key);
  return keys;
}

// In a directory: `src/archive/verify/verify-archive.test.ts`.
describe('an archive in a bucket', { timeout: 300_000 }, () => {
  let place: Place;
  let home: TempDir;
  let past: string[];
  let manifest: string;
  beforeAll(async () => {
    [place, home] = [await bucket(), await tempDir()];
    await record(place, home);
    const prefix = `${new Date(PAST_MS).toISOString().slice(0, 10).replaceAll('-', '/')}/twitch/`;
    manifest = `${prefix}_manifest-0001.json`;
    past = (await keysOf(place)).filter((key) => key.startsWith(prefix) && key.endsWith('.zst'));
  }, 300_000);
  afterAll(async () => {
    await place[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  const bytesOf = (key: string) => collect(place.store.get(key, never));
  const expectClean = async () => expect(await verify(home)).toMatchObject({ code: 0, found: [] });

  test('is clean as two recorders left it, and its manifests lie there and are passed over', async () => {
    const first = await verify(home, '--write-manifests');
    expect(first).toMatchObject({
      code: 0,
      found: [],
      report: { complete: true, manifests: { written: 1 } },
    });
    expect(first.report.gaps.count).toBeGreaterThan(2);
    expect(first.report.gaps.filled).toBeGreaterThan(0);
    expect(await keysOf(place)).toContain(manifest);
    // Both recorders have every hour of both channels.
    expect(past).toHaveLength(20);
    const again = await verify(home, '--write-manifests');
    expect(again).toMatchObject({
      code: 0,
      found: [],
      report: { manifests: { read: 1, written: 0, lacking: 0 } },
    });
    expect((await verify(home, '--quick')).report).toMatchObject({
      objects: again.report.objects,
      problems: [],
    });
    // Manifests lie beside what was recorded, and no other command takes them for that.
    const { stdout } = await command(home.join('one'), 'storage', '--json');
    expect(JSON.parse(stdout).total.objects).toBe(again.report.objects);
  });

  test('each fault is found, and nothing else; what can be put back is put back byte for byte', async () => {
    const [flipped, cut, gone] = [past[1]!, past[4]!, past[7]!];
    const before = new Map(await Promise.all(past.map(async (key) => [key, await bytesOf(key)] as const)));
    const one = before.get(flipped)!;
    const flip = Buffer.from(one);
    flip[one.length >> 1]! ^= 4;
    await place.damage(flipped, flip);
    expect(await verify(home)).toMatchObject({ code: 1, found: [['object_corrupt', flipped]] });
    await place.damage(cut, before.get(cut)!.subarray(0, -20));
    await place.store.remove(gone, never);
    const expected = [
      ['object_corrupt', flipped],
      ['object_missing', gone],
      ['object_truncated', cut],
    ];
    expect(await verify(home)).toMatchObject({ code: 1, found: expected });
    // By listing and metadata alone, a flipped byte cannot be seen.
    expect(await verify(home, '--quick')).toMatchObject({ code: 1, found: expected.slice(1) });
    // Of the other recorder's objects there is no copy here.
    const repaired = await verify(home, '--repair');
    expect(repaired.found).toEqual(expected);
    const left = repaired.report.problems.filter((problem) => !problem.repaired);
    expect((await verify(home)).found).toEqual(left.map(({ code, key }) => [code, key]).toSorted());
    await command(home.join('two'), 'verify', '--repair');
    await expectClean();
    for (const [key, bytes] of before) expect((await bytesOf(key)).equals(bytes)).toBe(true);
  });

  test('doubled, misplaced and foreign objects and a stale manifest are found, and nothing else', async () => {
    const key = past.find((candidate) => candidate.includes('_0400'))!;
    const { description } = (await place.store.head(key, never))!;
    const path = home.join('planted');
    await writeFile(path, await bytesOf(key));
    const doubled = key.replace('.jsonl', '-0.jsonl');
    const wrongHour = key.replace('_0400', '_0500');
    const wrongDay = `2019/01/01${key.slice(10)}`;
    const foreign = ['lost+found/x', `${dirname(key)}/README.md`];
    const planted = [doubled, wrongHour, wrongDay, ...foreign];
    for (const name of planted) await place.store.put(name, { path, description: description! }, never);
    expect(await verify(home)).toMatchObject({
      code: 1,
      found: [
        ...foreign.map((name) => ['foreign_file', name]),
        ['manifest_stale', manifest],
        // The first of the three in the order of keys is taken for the one.
        ...[wrongHour, doubled, key]
          .toSorted()
          .slice(1)
          .map((name) => ['object_doubled', name]),
        ['wrong_hour', wrongDay],
        ['wrong_hour', wrongHour],
      ].toSorted(),
    });
    for (const name of planted) await place.store.remove(name, never);
    await expectClean();

    // A manifest that lists less than there is, as somebody writes it who keeps its digest right.
    const text = await bytesOf(manifest);
    const less = Buffer.from(text.toString().replace(/^\{"key".*\n/m, ''));
    await writeFile(path, less);
    const forged = describedLines(less, { compression: 'none' }).description;
    await place.store.overwrite(manifest, { path, description: forged }, never);
    expect(await verify(home)).toMatchObject({ code: 1, found: [['manifest_stale', manifest]] });
    await place.store.remove(manifest, never);
    expect(await verify(home, '--write-manifests')).toMatchObject({ code: 0, found: [] });
    expect((await bytesOf(manifest)).toString().split('\n').slice(5)).toEqual(
      text.toString().split('\n').slice(5),
    );
  });

  test('is clean when its days were compacted, and a damaged day object is found', async () => {
    expect(await command(home.join('one'), 'compact', '--quiet')).toMatchObject({ code: 0, stderr: '' });
    const days = (await keysOf(place)).filter((key) => /-day\.jsonl/.test(key));
    expect(days).toHaveLength(CHANNELS.length);
    const after = await verify(home);
    expect(after).toMatchObject({ code: 0, found: [], report: { notices: [] } });
    expect(await verify(home, '--quick')).toMatchObject({ code: 0, found: [] });
    const bytes = await bytesOf(days[0]!);
    await place.damage(days[0]!, bytes.subarray(0, 100));
    expect(await verify(home)).toMatchObject({ code: 1, found: [['object_truncated', days[0]]] });
    await place.damage(days[0]!, bytes);
    await expectClean();
  });
});

describe('a storage in trouble', { timeout: 300_000 }, () => {
  /** Objects of a day of many channels, without a recorder. */
  async function filled(place: Place, home: TempDir, channels: number): Promise<string[]> {
    await writeConfig(home, place.config);
    const keys: string[] = [];
    for (let index = 0; index < channels; index++) {
      const events = saidLines(200, PAST_MS + 3 * HOUR_MS, { channel: `c${index}`, everyMs: 15_000 });
      keys.push(await putLines(place.store, home.path, events));
    }
    return keys;
  }

  async function writeConfig(home: TempDir, config: Record<string, unknown>): Promise<void> {
    await mkdir(home.join('one'), { recursive: true });
    await writeFile(home.join('one', 'config.yaml'), stringify({ twitch: { channels: ['ann'] }, ...config }));
  }

  test('what breaks, hangs and is damaged on the way is fetched again, and taken for no damage', async () => {
    await using place = await bucket();
    await using home = await tempDir();
    const keys = await filled(place, home, 40);
    await verify(home, '--write-manifests');
    const damaged = keys[20]!;
    const bytes = await collect(place.store.get(damaged, never));
    await place.damage(damaged, bytes.subarray(0, -1));
    await using front = await frontOf(home);
    // Each object is struck once: what comes out wrong the same way twice is wrong.
    const struck = new Set<string>();
    const once = ({ url = '', method }: { url?: string; method?: string }) =>
      method === 'GET' && /\.zst/.test(url) && !struck.has(url) && struck.add(url) !== undefined;
    front.faults.push(
      { act: 'truncate', bytes: 700, times: 6, match: once },
      { act: 'corruptResponse', times: 6, match: once },
      { act: 'hangMidResponse', bytes: 50, times: 2, match: once },
      { act: 'status', status: 503, code: 'SlowDown', times: 8 },
      { act: 'reset', times: 6 },
    );
    const verified = await verify(home);
    expect(verified).toMatchObject({ code: 1, found: [['object_truncated', damaged]] });
    expect(verified.report).toMatchObject({ complete: true, objects: 40 });
    expect(front.faults.filter(({ times = 1 }) => times > 0)).toEqual([]);
  });

  test('a storage that gives out nothing is no archive in ruins', async () => {
    await using place = await bucket();
    await using home = await tempDir();
    await filled(place, home, 30);
    await using front = await frontOf(home);
    front.faults.push({
      ...{ act: 'status', status: 403, code: 'AccessDenied', times: 10_000 },
      match: ({ url }) => /\.zst/.test(url ?? ''),
    });
    const { code, stdout, stderr } = await command(home.join('one'), 'verify', '--json');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('gives out no objects');
  });

  test('SIGINT ends it soon, with what was found until then and how to go on', async () => {
    await using place = await bucket();
    await using home = await tempDir();
    const keys = await filled(place, home, 12);
    await using front = await frontOf(home);
    front.faults.push({ act: 'hang', times: 1_000, match: ({ url }) => url?.includes(keys[9]!) ?? false });
    const child = spawn(NODE, [BIN, 'verify'], { cwd: home.join('one'), stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    await expect
      .poll(() => front.log.filter((line) => /^GET .*\.zst/.test(line)).length, { timeout: 60_000 })
      .toBe(12);
    await sleep(300);
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(1);
    expect(output).toContain('Stopped');
  });

  /** A front before the bucket, and the configuration led through it. */
  async function frontOf(home: TempDir) {
    const front = await startFaultFront(s3.endpoint);
    const file = home.join('one', 'config.yaml');
    const config = parse(await readFile(file, 'utf8')) as { s3: Record<string, unknown> };
    config.s3 = {
      ...{ ...config.s3, endpoint: front.url, provider: 'ceph' },
      ...{ socket_timeout_seconds: 2, attempt_timeout_seconds: 5 },
    };
    await writeFile(file, stringify(config));
    return { ...front, [Symbol.asyncDispose]: () => front.close() };
  }
});

test('lifecycle rules of a bucket: shown, applied on demand, other people’s left alone', {
  timeout: 120_000,
}, async () => {
  await using place = await bucket();
  await using home = await tempDir();
  await writeFile(
    home.join('config.yaml'),
    stringify({ ...place.config, defaults: { object_retention_days: 10 }, twitch: { channels: ['ann'] } }),
  );
  const lifecycle = (...options: string[]) => command(home.path, 'storage', 'lifecycle', ...options);
  const apply = (...options: string[]) => lifecycle('apply', ...options);
  expect(await apply()).toMatchObject({ code: 1, stderr: expect.stringContaining('--yes') });
  expect(await apply('--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/\+ .*chatlog-abort[\s\S]*Done/),
  });
  expect(await apply()).toMatchObject({ code: 0, stdout: expect.stringContaining('Nothing to change') });
  const expire = await apply('--expire-days', '365', '--yes');
  expect(expire).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('object_retention_days is configured'),
  });
  expect(await apply('--yes')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/- .*chatlog-expire/),
  });
  const printed = await lifecycle('print', '--transition', 'GLACIER_IR:90');
  expect(JSON.parse(printed.stdout).Rules).toHaveLength(2);
});
