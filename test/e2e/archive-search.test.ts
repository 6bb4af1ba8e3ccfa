/**
 * `chatlog search` over a real S3 server, as its users run it: many objects of two recorders and a day object among them.
 * What it finds is what looking at each line of a plain model finds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { textLine } from '../../src/archive/formats/text.ts';
import type { VerifyReport } from '../../src/archive/verify/verify-archive.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { ChatEvent } from '../../src/event.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { modelLines } from '../support/archive-model.ts';
import { type ArchivedSegment, archiveLines, putDay } from '../support/archive-objects.ts';
import { ARCHIVE_SCALE, OBJECTS } from '../support/archive-scale.ts';
import { type Fault, startFaultFront } from '../support/fault-front.ts';
import { indexLines, seededRandom } from '../support/index-lines.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { BIN, type CommandResult, chatlog, NODE } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { tempDir } from '../support/temp-dir.ts';

const START_MS = Date.UTC(2026, 10, 1);

let s3: TestS3;
let bucket: string;
let store: ObjectStore;
let client: S3Client;
let segments: ArchivedSegment[];
/** Of everything, in order. */
let model: string[];

const eventOf = (line: string) => JSON.parse(line) as ChatEvent;
const jsonl = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');

beforeAll(async () => {
  s3 = await startS3();
  bucket = await s3.createBucket();
  const { upload } = configSchema.parse({});
  store = createObjectStore({ s3: s3.s3Config(bucket), archive: { directory: '' }, upload }, silentLog);
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
  const random = seededRandom(6);
  const all = indexLines({ seed: 6, startMs: START_MS, ...ARCHIVE_SCALE });
  segments = await archiveLines(store, [all, all.filter(() => random(2) === 0)], (index) =>
    index % 7 === 0 ? 'gzip' : 'zstd',
  );
  const isOfDay = ({ timestamp, channel }: ChatEvent) =>
    timestamp.startsWith('2026-11-03') && channel === 'xqc';
  const lines = () => segments.map((segment) => segment.lines);
  segments.push(await putDay(store, modelLines(lines(), isOfDay)));
  model = modelLines(lines());
  expect(segments.length).toBeGreaterThan(OBJECTS);
}, 300_000);
afterAll(async () => {
  store.close();
  client.destroy();
  await s3.stop();
});

async function place(endpoint = s3.endpoint) {
  const directory = await tempDir('search');
  const { region, accessKeyId, secretAccessKey } = s3;
  const keys = { access_key_id: accessKeyId, secret_access_key: secretAccessKey, force_path_style: true };
  const patience = { connect_timeout_seconds: 2, socket_timeout_seconds: 2, attempt_timeout_seconds: 20 };
  const config = { s3: { bucket, endpoint, region, ...keys, ...patience } };
  await writeFile(directory.join('config.yaml'), stringify(config));
  return {
    path: directory.path,
    search: (...args: string[]): Promise<CommandResult> => chatlog(directory.path, 'search', ...args),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const says = (text: string) => (line: string) => eventOf(line).message.toLowerCase().includes(text);

describe('all objects', () => {
  test('are searched by text, expression, person, type and time', async () => {
    await using it = await place();
    const found = async (...args: string[]) => {
      const { code, stdout } = await it.search('--json', ...args);
      return { code, lines: stdout };
    };
    const expected = (isWanted: (line: string) => boolean) => ({
      code: 0,
      lines: jsonl(model.filter(isWanted)),
    });
    expect(await found('hello')).toEqual(expected(says('hello')));
    const isOfXqc = (line: string) => eventOf(line).channel === 'xqc';
    const lastDay = new Date(START_MS + ARCHIVE_SCALE.spanMs * 0.8).toISOString().slice(0, 10);
    const lastDays = ['--since', lastDay];
    const isLate = (line: string) => eventOf(line).timestamp >= lastDay;
    expect(await found('-s', 'Kappa', '--channel', 'xqc', ...lastDays)).toEqual(
      expected((line) => eventOf(line).message.includes('Kappa') && isOfXqc(line) && isLate(line)),
    );
    expect(await found('-e', '^!\\w+', ...lastDays)).toEqual(
      expected((line) => /^!\w+/.test(eventOf(line).message) && isLate(line)),
    );
    expect(await found('-e', '"message":"h[a-z]{4}"', '--in', 'line', ...lastDays)).toEqual(
      expected((line) => /"message":"h[a-z]{4}"/i.test(line) && isLate(line)),
    );
    const isAnn = ({ username, target, type }: ChatEvent) =>
      username.toLowerCase() === 'ann' || (type !== 'presence' && target?.toLowerCase() === 'ann');
    const isHard = (line: string) => ['timeout', 'ban'].includes(eventOf(line).type ?? '');
    expect(await found('--user', 'ann', '--type', 'timeout', '--type', 'ban', ...lastDays)).toEqual(
      expected((line) => isAnn(eventOf(line)) && isHard(line) && isLate(line)),
    );
    const fromMs = Date.UTC(2026, 10, 2, 6, 30);
    const toMs = Date.UTC(2026, 10, 5);
    const inRange = (line: string) => {
      const timeMs = Date.parse(eventOf(line).timestamp);
      return timeMs >= fromMs && timeMs < toMs;
    };
    const range = ['--since', '2026-11-02T06:30:00Z', '--until', '2026-11-05', '--channel', 'x*'];
    expect(await found('e', ...range)).toEqual(
      expected((line) => says('e')(line) && inRange(line) && eventOf(line).channel.startsWith('x')),
    );
    expect(await found('no such thing', ...range)).toEqual({ code: 1, lines: '' });
  }, 300_000);

  test('are counted, or searched from their end', async () => {
    await using it = await place();
    const hits = model.filter(says('hello'));
    const counts = Map.groupBy(hits, (line) => `${eventOf(line).platform}/${eventOf(line).channel}`);
    const counted = await it.search('hello', '--count', '--json');
    expect(JSON.parse(counted.stdout)).toEqual({
      total: hits.length,
      channels: Object.fromEntries([...counts].map(([channel, lines]) => [channel, lines.length])),
    });
    const table = await it.search('hello', '--count', '--since', '2026-11-03', '--until', '2026-11-04');
    const ofDay = hits.filter((line) => eventOf(line).timestamp.startsWith('2026-11-03'));
    expect(table.stdout.trim().split('\n').at(-1)).toBe(
      `all${String(ofDay.length).padStart(table.stdout.trim().split('\n').at(-1)!.length - 3)}`,
    );
    const newest = await it.search('hello', '--reverse', '--limit', '7');
    expect(newest.stdout).toBe(
      hits
        .slice(-7)
        .reverse()
        .map((line) => `${textLine(eventOf(line))}\n`)
        .join(''),
    );
    const oldest = await it.search('hello', '--limit', '3', '--context', '1');
    expect(oldest.stdout.split('\n').filter((line) => line === '--').length).toBeLessThan(3);
    expect(oldest.stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(3 * 3 + 2);
    for (const line of hits.slice(0, 3)) expect(oldest.stdout).toContain(textLine(eventOf(line)));
  }, 300_000);

  test('are searched through a storage that fails in every way', async () => {
    const random = seededRandom(9);
    const isGet = ({ method, url = '' }: IncomingMessage) => method === 'GET' && url.includes('.jsonl');
    // Each object once: what comes out wrong alike several times is damaged.
    const struck = new Set<string>();
    const now = (oneIn: number) => (request: IncomingMessage) => {
      const url = request.url ?? '';
      if (!isGet(request) || struck.has(url) || random(oneIn) !== 0) return false;
      struck.add(url);
      return true;
    };
    const faults: Fault[] = [
      { act: 'status', status: 503, code: 'SlowDown', match: now(10), times: 12 },
      { act: 'reset', match: now(10), times: 12 },
      { act: 'truncate', bytes: 200, match: now(10), times: 12 },
      { act: 'corruptResponse', match: now(10), times: 12 },
      { act: 'hangMidResponse', bytes: 100, match: now(50), times: 2 },
    ];
    const front = await startFaultFront(s3.endpoint);
    front.faults.push(...faults);
    await using it = await place(front.url);
    const { code, stdout, stderr } = await it.search('hello', '--json');
    await front.close();
    expect(stderr).toBe('');
    expect(stdout).toBe(jsonl(model.filter(says('hello'))));
    expect(code).toBe(0);
    for (const { act, times } of faults)
      if (act !== 'hangMidResponse') expect([act, times]).toEqual([act, 0]);
  }, 300_000);
});

test('an object that is damaged is named, and what can be read of it is found', async () => {
  await using it = await place();
  const { key, lines } = segments.find(({ key, lines }) => key.endsWith('.zst') && lines.length > 5)!;
  const at = { Bucket: bucket, Key: key };
  const { Body, Metadata } = await client.send(new GetObjectCommand(at));
  const bytes = await Body!.transformToByteArray();
  await client.send(new PutObjectCommand({ ...at, Body: bytes.subarray(0, bytes.length - 20), Metadata }));
  try {
    const { channel } = eventOf(lines[0]!);
    const verified = await chatlog(it.path, 'verify', '--json');
    expect(verified.code).toBe(1);
    const { objects, problems } = JSON.parse(verified.stdout) as VerifyReport;
    expect(objects).toBe(segments.length);
    // Hours of which both recorders have all lines.
    expect(problems.filter(({ code: found }) => found !== 'object_doubled')).toMatchObject([{ key }]);
    const { code, stdout, stderr } = await it.search('e', '--json', '--channel', channel);
    expect(code).toBe(1);
    expect(stderr).toContain(key);
    const found = new Set(stdout.split('\n'));
    const wanted = model.filter((line) => says('e')(line) && eventOf(line).channel === channel);
    expect(wanted.filter((line) => !found.has(line)).length).toBeLessThanOrEqual(lines.length);
    expect([...found].every((line) => line === '' || says('e')(line))).toBe(true);
  } finally {
    await client.send(new PutObjectCommand({ ...at, Body: bytes, Metadata }));
  }
}, 300_000);

test('a reader that leaves is no error, and who stops it is told how to go on', async () => {
  await using it = await place();
  const piped = spawn(
    'bash',
    ['-c', `"${NODE}" "${BIN}" grep --quiet e | head -n 2; echo "\${PIPESTATUS[0]}" >&2`],
    {
      cwd: it.path,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const [out, err] = await Promise.all([piped.stdout, piped.stderr].map((stream) => stream.toArray()));
  const first = model.filter(says('e')).slice(0, 2);
  expect(out!.join('')).toBe(first.map((line) => `${textLine(eventOf(line))}\n`).join(''));
  expect(err!.join('').trim()).toBe('0');

  const stopped = spawn(NODE, [BIN, 'search', 'e', '--quiet'], {
    cwd: it.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(stopped, 'close') as Promise<[number | null]>;
  let said = '';
  stopped.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  let read = 0;
  stopped.stdout.on('data', (bytes: Buffer) => {
    read += bytes.length;
  });
  while (read === 0) await sleep(10);
  stopped.kill('SIGINT');
  const [code] = await ended;
  if (code === 0) return;
  expect(code).toBe(1);
  expect(said).toMatch(/^Stopped\./);
}, 300_000);

test('everything that is wrong with the command line is said at once', async () => {
  await using it = await place();
  const { code, stderr } = await it.search(
    ...['-e', '(a', '--type', 'bam', '--limit', 'x', '--since', 'never', '--reverse', '--context', '2'],
  );
  expect(code).toBe(2);
  for (const option of ['--regex', '--type', '--limit', '--since', '--context'])
    expect(stderr).toContain(option);
  expect((await it.search()).code).toBe(2);
});
