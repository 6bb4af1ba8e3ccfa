/** From chat to objects on a real S3 server, straight and through a front that fails as scripted. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFaultFront } from '../support/fault-front.ts';
import { chatLine } from '../support/live-lines.ts';
import { eventsOf } from '../support/read-archive.ts';
import { readBucket } from '../support/read-bucket.ts';
import { compareTwitch, NOTHING_WRONG, saidOf } from '../support/recorded.ts';
import type { RunningChatlog } from '../support/run-chatlog.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer, type TwitchServer } from '../support/twitch-server.ts';

let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.stop());

const HOUR_MS = 3_600_000;
/** The beginning of an hour that is certainly over: its files are sealed as soon as nothing comes any more. */
const PAST_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 200 * HOUR_MS;

/** One line in each of so many hours, oldest first: as many segments. */
function hourly(channel: string, hours: number, fromMs = PAST_MS): string[] {
  return Array.from({ length: hours }, (_, hour) =>
    chatLine(channel, `hour ${hour}`, fromMs + hour * HOUR_MS),
  );
}

interface S3Run {
  directory: string;
  bucket: string;
  endpoint?: string;
  channels?: readonly string[];
  s3?: Record<string, unknown>;
  upload?: Record<string, unknown>;
}

async function run(server: TwitchServer, options: S3Run): Promise<RunningChatlog> {
  const { directory, bucket, endpoint = s3.endpoint, channels = ['ann'] } = options;
  const chatlog = await runOnTwitch(server, {
    directory,
    channels,
    config: {
      instance: 'test-1',
      s3: {
        bucket,
        endpoint,
        region: s3.region,
        access_key_id: s3.accessKeyId,
        secret_access_key: s3.secretAccessKey,
        force_path_style: true,
        connect_timeout_seconds: 1,
        socket_timeout_seconds: 1,
        attempt_timeout_seconds: 2,
        ...options.s3,
      },
      upload: { backoff: { min_seconds: 0.05, max_seconds: 0.5 }, ...options.upload },
    },
  });
  await joined(chatlog, ...channels);
  return chatlog;
}

async function uploaded(chatlog: RunningChatlog, segments: number): Promise<void> {
  await chatlog.until(`${segments} segments uploaded, none waits`, async () => {
    const { upload, spool } = await chatlog.status();
    return upload.uploaded >= segments && spool.sealedFiles === 0;
  });
}

async function sealed(chatlog: RunningChatlog, segments: number): Promise<void> {
  await chatlog.until(
    `${segments} segments wait`,
    async () => (await chatlog.status()).spool.sealedFiles >= segments,
  );
}

async function said(bucket: string) {
  return saidOf(eventsOf(await readBucket(s3, bucket)));
}

test.concurrent('lines become objects under their date-keyed names, described by their metadata, and leave the disk', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  const bucket = await s3.createBucket();
  await using chatlog = await run(server, { directory: directory.path, bucket, channels: ['ann', 'con'] });
  const anns = hourly('ann', 3);
  const cons = hourly('con', 2);
  server.sayTo('ann', ...anns);
  server.sayTo('con', ...cons);
  await uploaded(chatlog, 5);
  await chatlog.until('nothing of the past is on the disk', async () => {
    const files = await Promise.all(
      ['sealed', 'uploaded'].map((name) => readdir(join(chatlog.dataDir, name))),
    );
    return files.flat().length === 0;
  });
  const objects = await readBucket(s3, bucket);
  expect(objects.map(({ path }) => path)).toEqual(
    [
      ...anns.map((_, hour) => keyOf('ann', 'ann', hour)),
      ...cons.map((_, hour) => keyOf('%63on', '%63on', hour)),
    ].toSorted(),
  );
  for (const { bytes, content, events, metadata, tail } of objects) {
    expect(tail).toBe('');
    expect(metadata).toMatchObject({
      'chatlog-lines-sha256': sha256(content),
      'chatlog-object-sha256': sha256(bytes),
      'chatlog-lines': String(events.length),
      'chatlog-lines-bytes': String(content.length),
      'chatlog-object-bytes': String(bytes.length),
      'chatlog-first-timestamp': events[0]!.timestamp,
      'chatlog-last-timestamp': events.at(-1)!.timestamp,
      'chatlog-format-version': '1',
      'chatlog-instance': 'test-1',
    });
  }
  expect(compareTwitch(eventsOf(objects), [...anns, ...cons])).toEqual(NOTHING_WRONG);
});

test.concurrent('a file stays on the disk until its object is verified, and is not put twice for that', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  await using front = await openFront();
  const bucket = await s3.createBucket();
  front.faults.push({
    act: 'status',
    status: 404,
    code: 'NoSuchKey',
    times: Infinity,
    match: ({ method }) => method === 'HEAD',
  });
  await using chatlog = await run(server, { directory: directory.path, bucket, endpoint: front.url });
  const lines = hourly('ann', 3);
  server.sayTo('ann', ...lines);
  await chatlog.until(
    'all are put, none is verified',
    async () => (await readBucket(s3, bucket)).length === 3,
  );
  await chatlog.until('it says so', async () => {
    const { upload } = await chatlog.status();
    return upload.failedAttempts > 3 && upload.lastError !== null;
  });
  expect((await chatlog.status()).upload.uploaded).toBe(0);
  const onDisk = await readdir(join(chatlog.dataDir, 'sealed'));
  expect(onDisk.length).toBeGreaterThanOrEqual(3);
  front.faults.length = 0;
  await uploaded(chatlog, 3);
  expect(await readdir(join(chatlog.dataDir, 'sealed'))).toEqual([]);
  expect(compareTwitch(await said(bucket), lines)).toEqual(NOTHING_WRONG);
  expect(await readBucket(s3, bucket)).toHaveLength(3);
});

test.concurrent('wrong credentials cost nothing: corrected and restarted, everything is uploaded', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  const bucket = await s3.createBucket();
  const lines = hourly('ann', 6);
  {
    const wrong = { secret_access_key: 'this-is-not-the-secret-key' };
    await using chatlog = await run(server, { directory: directory.path, bucket, s3: wrong });
    server.sayTo('ann', ...lines.slice(0, 3));
    await chatlog.until('it says what is wrong', async () => {
      const { upload, components } = await chatlog.status();
      return (
        /credential|key|signature/i.test(upload.lastError ?? '') &&
        components.upload!.detail.includes('last error')
      );
    });
    server.sayTo('ann', ...lines.slice(3));
    await arrived(chatlog, lines);
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    expect(chatlog.output).not.toContain('this-is-not-the-secret-key');
    expect(await readBucket(s3, bucket)).toEqual([]);
  }
  await using chatlog = await run(server, { directory: directory.path, bucket });
  await uploaded(chatlog, 6);
  expect(compareTwitch(await said(bucket), lines)).toEqual(NOTHING_WRONG);
  expect(chatlog.output).not.toContain(s3.secretAccessKey);
});

test.concurrent('storage that hangs, refuses and breaks: recording goes on, then the backlog drains, live files not last', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  await using front = await openFront();
  const bucket = await s3.createBucket();
  const startedMs = Date.now();
  await using chatlog = await run(server, {
    directory: directory.path,
    bucket,
    endpoint: front.url,
    upload: { alarm_after_minutes: 0.02 },
  });
  const backlog = hourly('ann', 40);
  for (const [index, fault] of [
    { act: 'hang' },
    { act: 'status', status: 503, code: 'SlowDown' },
    { act: 'status', status: 403, code: 'AccessDenied' },
    { act: 'reset' },
  ].entries()) {
    front.faults.length = 0;
    front.faults.push({ ...(fault as { act: 'reset' }), times: Infinity });
    const failedBefore = (await chatlog.status()).upload.failedAttempts;
    server.sayTo('ann', ...backlog.slice(index * 10, index * 10 + 10));
    await arrived(chatlog, backlog.slice(0, index * 10 + 10));
    await chatlog.until(
      'it has failed',
      async () => (await chatlog.status()).upload.failedAttempts > failedBefore,
    );
  }
  const live = chatLine('ann', 'newest', PAST_MS + 150 * HOUR_MS);
  server.sayTo('ann', live);
  await sealed(chatlog, 41);
  const status = await chatlog.status();
  expect(status.upload.uploaded).toBe(0);
  expect(Date.parse(status.upload.oldestNotUploadedAt!), 'waiting since it was sealed').toBeGreaterThan(
    startedMs,
  );
  expect(status.upload.oldestNotUploadedAgeSeconds).toBeGreaterThan(1);
  expect(status.components.upload).toMatchObject({
    ok: false,
    detail: expect.stringContaining('41 files waiting'),
  });
  expect((await fetch(`${await chatlog.url()}/health/ready`)).status).toBe(503);
  expect(status.components.recorder!.ok).toBe(true);
  expect(await readBucket(s3, bucket)).toEqual([]);

  front.log.length = 0;
  front.faults.length = 0;
  await uploaded(chatlog, 41);
  const puts = front.log.filter((request) => request.startsWith('PUT ')).map((request) => dateIn(request));
  expect(puts).toHaveLength(41);
  const liveDate = dateIn(keyOf('ann', 'ann', 150));
  expect(puts.indexOf(liveDate), 'the newest does not wait for the backlog').toBeLessThan(21);
  expect(puts.indexOf(dateIn(keyOf('ann', 'ann', 0))), 'neither does the oldest').toBeLessThan(21);
  expect(compareTwitch(await said(bucket), [...backlog, live])).toEqual(NOTHING_WRONG);
  expect((await fetch(`${await chatlog.url()}/health/ready`)).status).toBe(200);
  expect((await chatlog.status()).upload).toMatchObject({ lastError: null, oldestNotUploadedAt: null });
});

test.concurrent.each([
  ['ceph', 'a put that only creates'],
  ['generic', 'a look before the put'],
])('what another instance wrote under the same key is kept, and so is ours (%s: %s)', async (provider) => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  const bucket = await s3.createBucket();
  const others = '{"timestamp":"2026-01-01T00:00:00.000Z","message":"theirs"}\n';
  await putObject(bucket, keyOf('ann', 'ann', 0).replace('.zst', ''), others);
  await putObject(bucket, keyOf('ann', 'ann', 0), 'a zombie got here first');
  await using chatlog = await run(server, { directory: directory.path, bucket, s3: { provider } });
  const lines = hourly('ann', 2);
  server.sayTo('ann', ...lines);
  await uploaded(chatlog, 2);
  await chatlog.stop();
  const zombie = await withClient(async (client) => {
    const reply = await client.send(new GetObjectCommand({ Bucket: bucket, Key: keyOf('ann', 'ann', 0) }));
    return reply.Body!.transformToString();
  });
  expect(zombie).toBe('a zombie got here first');
  await withClient((client) =>
    client.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf('ann', 'ann', 0) })),
  );
  const objects = await readBucket(s3, bucket);
  const ours = objects.filter(({ content }) => content.toString() !== others);
  expect(objects).toHaveLength(ours.length + 1);
  const [first, second, ...more] = ours.map(({ path }) => path);
  expect(more).toEqual([]);
  expect(first).toMatch(
    new RegExp(`^${keyOf('ann', 'ann', 0).replace('.jsonl.zst', '')}-[0-9a-f]{8}\\.jsonl\\.zst$`),
  );
  expect(second).toBe(keyOf('ann', 'ann', 1));
  expect(compareTwitch(eventsOf(ours), lines)).toEqual(NOTHING_WRONG);
});

test.concurrent('SIGTERM while storage hangs: out within three seconds, all sealed; the next start uploads it', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  await using front = await openFront();
  const bucket = await s3.createBucket();
  const lines = [...hourly('ann', 20), chatLine('ann', 'of this hour')];
  {
    await using chatlog = await run(server, {
      directory: directory.path,
      bucket,
      endpoint: front.url,
      s3: { socket_timeout_seconds: 60, attempt_timeout_seconds: 120 },
    });
    front.faults.push({ act: 'hang', times: Infinity });
    server.sayTo('ann', ...lines.slice(0, 20));
    await chatlog.until('uploads hang', async () => (await chatlog.status()).upload.inFlight === 2);
    server.sayTo('ann', ...lines.slice(20));
    await arrived(chatlog, lines);
    const sinceMs = performance.now();
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - sinceMs).toBeLessThan(3_000);
    expect(await readdir(join(chatlog.dataDir, 'open'))).toEqual([]);
    expect(await readBucket(s3, bucket)).toEqual([]);
  }
  await using chatlog = await run(server, { directory: directory.path, bucket });
  await uploaded(chatlog, 21);
  expect(compareTwitch(await said(bucket), lines)).toEqual(NOTHING_WRONG);
});

async function openFront() {
  const front = await startFaultFront(s3.endpoint);
  return { ...front, [Symbol.asyncDispose]: front.close };
}

/** The key of that hour's first object; the parts as they are encoded. */
function keyOf(directory: string, name: string, hour: number): string {
  const iso = new Date(PAST_MS + hour * HOUR_MS).toISOString();
  const [year, month, day] = iso.slice(0, 10).split('-');
  return `${year}/${month}/${day}/twitch/${directory}/twitch_${name}_${year}${month}${day}_${iso.slice(11, 13)}00.jsonl.zst`;
}

function dateIn(text: string): string {
  return /_(\d{8}_\d{4})/.exec(text)![1]!;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function putObject(bucket: string, key: string, body: string): Promise<void> {
  await withClient((client) => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body })));
}

async function withClient<T>(use: (client: S3Client) => Promise<T>): Promise<T> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}
