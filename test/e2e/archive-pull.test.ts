/**
 * `chatlog pull` from a real S3 server, as its users run it: many objects of two recorders, late ones and a day object among
 * them; killed again and again, and through a front that fails. What comes out is what a plain model of the lines says.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import { originalLine } from '../../src/connectors/original-line.ts';
import type { ChatEvent } from '../../src/event.ts';
import { DECISION_PREFIX, makeDecision, personDigests } from '../../src/privacy/decision.ts';
import { decisionArchive } from '../../src/privacy/decision-places.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { modelLines } from '../support/archive-model.ts';
import { type ArchivedSegment, archiveLines, putDay, putSegment } from '../support/archive-objects.ts';
import { ARCHIVE_SCALE, OBJECTS } from '../support/archive-scale.ts';
import { type Fault, type FaultFront, startFaultFront } from '../support/fault-front.ts';
import { indexLines, seededRandom } from '../support/index-lines.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { BIN, type CommandResult, chatlog, NODE } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 10, 1);

let s3: TestS3;
let bucket: string;
let store: ObjectStore;
let client: S3Client;
let segments: ArchivedSegment[];
/** Of everything, in order. */
let model: string[];
/** The same storage, far away: there is time to be killed. */
let slow: FaultFront;

const eventOf = (line: string) => JSON.parse(line) as ChatEvent;
const text = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join('');
const modelOf = (isWanted?: (event: ChatEvent, timeMs: number) => boolean) =>
  modelLines(
    segments.map(({ lines }) => lines),
    isWanted,
  );

beforeAll(async () => {
  s3 = await startS3();
  bucket = await s3.createBucket();
  const { upload } = configSchema.parse({});
  store = createObjectStore({ s3: s3.s3Config(bucket), archive: { directory: '' }, upload }, silentLog);
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  const random = seededRandom(4);
  const all = indexLines({ seed: 4, startMs: START_MS, ...ARCHIVE_SCALE }).map(lengthened);
  const second = all.filter(() => random(2) === 0);
  const late = all.filter((_, index) => index % 97 === 0).flatMap((line) => [line, told(line)]);
  segments = await archiveLines(store, [all, second, late], (index) => (index % 7 === 0 ? 'gzip' : 'zstd'));
  // A day that was compacted, while some of its hours stayed.
  const isOfDay = ({ timestamp, channel }: ChatEvent) =>
    timestamp.startsWith('2026-11-03') && channel === 'xqc';
  segments.push(await putDay(store, modelOf(isOfDay)));
  model = modelOf();
  expect(segments.length).toBeGreaterThan(OBJECTS);
  slow = await startFaultFront(s3.endpoint);
  slow.faults.push({ act: 'delay', ms: 100, match: isGet, times: Number.POSITIVE_INFINITY });
}, 300_000);
afterAll(async () => {
  store.close();
  client.destroy();
  await slow.close();
  await s3.stop();
});

function isGet({ method, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && url.includes('.jsonl');
}

/** So that there are some megabytes more. */
function lengthened(line: string, index: number): string {
  const event = eventOf(line);
  return JSON.stringify({ ...event, tags: { ...event.tags, flags: `${index} `.repeat(100) } });
}

/** Another event of the same time, that came hours later from the history. */
function told(line: string): string {
  const event = eventOf(line);
  const received_at = new Date(Date.parse(event.timestamp) + 5 * HOUR_MS).toISOString();
  return JSON.stringify({ ...event, source: 'backfill', id: `told ${event.id ?? line.length}`, received_at });
}

interface Place extends AsyncDisposable {
  directory: TempDir;
  join: TempDir['join'];
  pull(...args: string[]): Promise<CommandResult>;
  /** Pulls, and is killed after a random time, or when something is so; true where it came to its end before. */
  pullAndKill(when: KillTime, ...args: string[]): Promise<{ isComplete: boolean; stderr: string }>;
}

interface KillTime {
  maxMs?: number;
  until?(stderr: string): boolean;
}

async function place(endpoint = s3.endpoint): Promise<Place> {
  const directory = await tempDir('pull');
  const { region, accessKeyId, secretAccessKey } = s3;
  const keys = { access_key_id: accessKeyId, secret_access_key: secretAccessKey, force_path_style: true };
  const patience = { connect_timeout_seconds: 2, socket_timeout_seconds: 2, attempt_timeout_seconds: 20 };
  const config = { s3: { bucket, endpoint, region, ...keys, ...patience } };
  await writeFile(directory.join('config.yaml'), stringify(config));
  return {
    directory,
    join: directory.join,
    pull: (...args) => chatlog(directory.path, 'pull', ...args),
    pullAndKill: async ({ maxMs = 0, until }, ...args) => {
      const child = spawn(NODE, [BIN, 'pull', ...args], {
        cwd: directory.path,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (said: string) => {
        stderr += said;
      });
      const ended = once(child, 'close') as Promise<[number | null]>;
      const untilMs = Date.now() + 700 + Math.random() * maxMs;
      const isDue = () => (until ? until(stderr) : Date.now() >= untilMs);
      while (child.exitCode === null && !isDue()) await sleep(20);
      child.kill('SIGKILL');
      const [code] = await ended;
      return { isComplete: code === 0, stderr };
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function killUntilComplete(it: Place, ...args: string[]): Promise<{ kills: number; stderr: string }> {
  let said = '';
  for (let kills = 0; ; kills++) {
    // Ever longer: it ends, however slow the machine is.
    const { isComplete, stderr } = await it.pullAndKill({ maxMs: 2_000 * 1.5 ** kills }, ...args);
    said += stderr;
    // It may be killed when the file has its name already: then there is nothing to go on with.
    const isThere = (await stat(it.join(args.at(-1)!)).catch(() => undefined))?.isFile() === true;
    if (isComplete || isThere) return { kills, stderr: said };
  }
}

async function filesBelow(directory: string): Promise<Map<string, string>> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = names.filter((name) => name.isFile() && !name.name.startsWith('.'));
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(
    await Promise.all(
      paths.map(async (path) => [path.slice(directory.length + 1), await readFile(path, 'utf8')] as const),
    ),
  );
}

function modelFiles(lines: readonly string[]): Map<string, string> {
  const files = Map.groupBy(lines, (line) => {
    const { platform, channel, timestamp } = eventOf(line);
    return `${platform}/${channel.replace('#', '%23')}/${timestamp.slice(0, 10)}.jsonl`;
  });
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([file, of]) => [file, text(of)]));
}

describe('all objects', () => {
  test('become a folder of files, however often that is killed', async () => {
    await using it = await place(slow.url);
    const { kills } = await killUntilComplete(it, '--output', 'all');
    expect(kills).toBeGreaterThan(0);
    expect(await filesBelow(it.join('all'))).toEqual(modelFiles(model));
    const again = await it.pull('--output', 'all', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ files: 0, filesKept: modelFiles(model).size });
  }, 300_000);

  test('become one file in one order, the same bytes however often that is killed', async () => {
    await using it = await place(slow.url);
    const hasPart = () => existsSync(it.join('killed.jsonl.zst.part.json'));
    await it.pullAndKill({ until: hasPart }, '--output', 'killed.jsonl.zst');
    const { stderr } = await killUntilComplete(it, '--output', 'killed.jsonl.zst');
    expect(stderr).toContain('Goes on with');
    expect((await it.pull('--output', 'whole.jsonl.zst')).code).toBe(0);
    const bytes = await readFile(it.join('killed.jsonl.zst'));
    expect(bytes.equals(await readFile(it.join('whole.jsonl.zst')))).toBe(true);
    expect((await promisify(zstdDecompress)(bytes)).toString()).toBe(text(model));
    expect((await readdir(it.directory.path)).sort()).toEqual([
      ...['config.yaml', 'killed.jsonl.zst', 'whole.jsonl.zst'],
    ]);
  }, 300_000);

  test('come through a storage that fails in every way', async () => {
    const random = seededRandom(9);
    // Each object once: what comes out wrong alike several times is damaged.
    const struck = new Set<string>();
    const now = (oneIn: number) => (request: IncomingMessage) => {
      const url = request.url ?? '';
      if (!isGet(request) || struck.has(url) || random(oneIn) !== 0) return false;
      struck.add(url);
      return true;
    };
    const isList = ({ url = '' }: IncomingMessage) => url.includes('list-type');
    const faults: Fault[] = [
      { act: 'status', status: 503, code: 'SlowDown', match: now(10), times: 12 },
      { act: 'status', status: 500, code: 'InternalError', match: now(10), times: 12 },
      { act: 'status', status: 503, code: 'SlowDown', match: isList, times: 1 },
      { act: 'reset', match: now(10), times: 12 },
      { act: 'truncate', bytes: 200, match: now(10), times: 12 },
      { act: 'corruptResponse', match: now(10), times: 12 },
      { act: 'hangMidResponse', bytes: 100, match: now(50), times: 3 },
      { act: 'hang', match: now(50), times: 2 },
    ];
    const front = await startFaultFront(s3.endpoint);
    front.faults.push(...faults);
    await using it = await place(front.url);
    const { code, stdout } = await it.pull('--output', 'all', '--json');
    await front.close();
    expect(JSON.parse(stdout)).toMatchObject({ damaged: [], missing: [], messages: model.length });
    expect(code).toBe(0);
    expect(await filesBelow(it.join('all'))).toEqual(modelFiles(model));
    for (const { act, times } of faults.filter(({ act }) => !act.startsWith('hang')))
      expect([act, times]).toEqual([act, 0]);
  }, 300_000);
});

describe('a part of it', () => {
  test('is chosen by channel, time and person, and written in other forms', async () => {
    await using it = await place();
    const range = ['--since', '2026-11-02T06:30:00Z', '--until', '2026-11-04'];
    const inRange = (_: ChatEvent, timeMs: number) =>
      timeMs >= Date.UTC(2026, 10, 2, 6, 30) && timeMs < Date.UTC(2026, 10, 4);
    const ofXqc = modelOf((event, timeMs) => event.channel === 'xqc' && inRange(event, timeMs));
    const jsonl = await it.pull('--channel', 'x*', ...range, '--output', '-');
    expect(jsonl.stdout === text(ofXqc)).toBe(true);
    expect(jsonl.stderr).toContain(`${ofXqc.length.toLocaleString('en-US')} messages of 1 channel`);
    const raw = await it.pull('--channel', 'twitch/xqc', ...range, '--format', 'raw');
    const originals = ofXqc.map((line) => originalLine(eventOf(line))).filter((line) => line.length > 0);
    expect(raw.stdout === Buffer.from(text(originals.map(String))).toString()).toBe(true);
    const ofAnn = await it.pull('--user', 'ann', ...range, '--output', 'ann.csv', '--json');
    const isAnn = ({ username, target, type }: ChatEvent) =>
      username.toLowerCase() === 'ann' || (type !== 'presence' && target?.toLowerCase() === 'ann');
    const lines = modelOf((event, timeMs) => isAnn(event) && inRange(event, timeMs));
    expect(JSON.parse(ofAnn.stdout)).toMatchObject({ messages: lines.length, format: 'csv', files: 1 });
    expect((await readFile(it.join('ann.csv'), 'utf8')).split('\n').length).toBeGreaterThan(lines.length);
  });

  test('leaves out who opted out, as the archive says', async () => {
    await using it = await place();
    const user_id = eventOf(model.find((line) => eventOf(line).user_id !== '')!).user_id;
    const user = personDigests('twitch', user_id, []);
    const decision = makeDecision({ kind: 'opt_out', platform: 'twitch', by: 'test', user }, Date.now());
    const signal = new AbortController().signal;
    await decisionArchive(store).write(decision, JSON.stringify(decision), signal);
    try {
      const { code, stdout } = await it.pull('--channel', 'xqc', '--last', '5000d', '--output', '-');
      const isOf = (line: string) =>
        [eventOf(line).user_id, eventOf(line).target_user_id].some((id) => id === user_id);
      const ofXqc = modelOf(({ channel }) => channel === 'xqc');
      expect(ofXqc.some(isOf)).toBe(true);
      const lines = stdout.split('\n').slice(0, -1);
      expect([code, lines.some(isOf)]).toEqual([0, false]);
      expect(lines.length).toBeGreaterThan(ofXqc.length / 2);
    } finally {
      await store.remove(`${DECISION_PREFIX}${decision.id}.json`, signal);
    }
  });

  test('is not gone on with where it was asked for otherwise, or its objects have changed', async () => {
    await using it = await place(slow.url);
    const hasPart = () => existsSync(it.join('all.jsonl.part.json'));
    await it.pullAndKill({ until: hasPart }, '--output', 'all.jsonl');
    const isNew = (stderr: string) => stderr.includes('begins anew');
    const other = await it.pullAndKill({ until: isNew }, '--output', 'all.jsonl', '--last', '4000d');
    expect(other).toMatchObject({ isComplete: false });
    await it.pullAndKill({ until: hasPart }, '--output', 'all.jsonl');
    const [first = ''] = segments[0]!.lines;
    const { platform, channel, timestamp } = eventOf(first);
    const startMs = Math.floor(Date.parse(timestamp) / HOUR_MS) * HOUR_MS;
    const lines = [told(told(first))];
    const key = await putSegment(store, { platform, channel, startMs, suffix: '-later' }, lines);
    try {
      const { code, stderr } = await it.pull('--output', 'all.jsonl');
      expect([code, stderr]).toEqual([0, expect.stringContaining('has changed since')]);
      const whole = modelLines([...segments.map(({ lines: of }) => of), lines]);
      expect((await readFile(it.join('all.jsonl'), 'utf8')) === text(whole)).toBe(true);
    } finally {
      await store.remove(key, new AbortController().signal);
    }
  }, 300_000);
});

describe('what is wrong', () => {
  test('with an object is said, and what can be read of it is given, unless that is too little', async () => {
    await using it = await place();
    const { key } = segments.find(({ key }) => key.endsWith('.zst') && key.includes('/xqc/'))!;
    const at = { Bucket: bucket, Key: key };
    const { Body, Metadata } = await client.send(new GetObjectCommand(at));
    const bytes = await Body!.transformToByteArray();
    const flipped = Uint8Array.from(bytes);
    flipped[flipped.length >> 1]! ^= 0x10;
    await client.send(new PutObjectCommand({ ...at, Body: flipped, Metadata }));
    try {
      const strict = await it.pull('--channel', 'xqc', '--strict', '--output', 'xqc.jsonl');
      expect([strict.code, strict.stderr]).toEqual([1, expect.stringContaining(key)]);
      expect(existsSync(it.join('xqc.jsonl'))).toBe(false);
      const { code, stdout } = await it.pull('--channel', 'xqc', '--output', 'xqc.jsonl', '--json');
      expect(code).toBe(1);
      expect(JSON.parse(stdout).damaged).toEqual([{ key, reason: expect.any(String) }]);
      const written = (await readFile(it.join('xqc.jsonl'), 'utf8')).split('\n').slice(0, -1);
      const whole = modelOf(({ channel }) => channel === 'xqc');
      // All but some of that hour; zstd tells no flipped letter of a text.
      expect(new Set(whole).difference(new Set(written)).size).toBeLessThan(60);
    } finally {
      await client.send(new PutObjectCommand({ ...at, Body: bytes, Metadata }));
    }
  });

  test('with the command line is said at once, and a reader that leaves is no error', async () => {
    await using it = await place();
    const wrong = await it.pull(
      '--since',
      'never',
      '--last',
      '5x',
      '--compress',
      'gzip',
      '--format',
      'parquet',
    );
    expect(wrong.code).toBe(2);
    expect(wrong.stderr.split('\n').length).toBeGreaterThan(3);
    await using empty = await tempDir('empty');
    const nowhere = await chatlog(empty.path, 'pull');
    expect([nowhere.code, nowhere.stderr]).toEqual([2, expect.stringContaining('--archive')]);
    const piped = spawn(
      'bash',
      ['-c', `"${NODE}" "${BIN}" pull --quiet | head -n 1; echo "\${PIPESTATUS[0]}" >&2`],
      {
        cwd: it.directory.path,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    const [out, err] = await Promise.all([piped.stdout, piped.stderr].map((stream) => stream.toArray()));
    expect(out!.join('')).toBe(`${model[0]}\n`);
    expect(err!.join('').trim()).toBe('0');
  });
});
