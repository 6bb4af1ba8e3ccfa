/** Old logs into a real S3 server by the command itself: killed at any moment, repeated, and through a network that fails. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { originalLine } from '../../src/connectors/original-line.ts';
import type { ChatEvent } from '../../src/event.ts';
import { CORPUS_CHANNEL, corpusLinesOn } from '../support/corpus.ts';
import { type Fault, startFaultFront } from '../support/fault-front.ts';
import { readBucket } from '../support/read-bucket.ts';
import { BIN, NODE } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

const HOUR_MS = 3_600_000;
const HOURS = 28;
const LINES_AN_HOUR = 60;

let s3: TestS3;
let logs: TempDir;
let scratch: TempDir;
let rawLines: string[];

beforeAll(async () => {
  s3 = await startS3();
  logs = await tempDir('logs');
  scratch = await tempDir('scratch');
  rawLines = await writeLogs();
});

afterAll(async () => {
  await logs[Symbol.asyncDispose]();
  await scratch[Symbol.asyncDispose]();
  await s3.stop();
});

/** Two days of a channel as justlog keeps them, with the files of users, and another one's as Chatterino does. */
async function writeLogs(): Promise<string[]> {
  const corpus = corpusLinesOn(CORPUS_CHANNEL).slice(0, LINES_AN_HOUR);
  const hours = Array.from({ length: HOURS }, (_, hour) =>
    corpus.map((line) =>
      line
        .replace(/tmi-sent-ts=(\d+)/, (_tag, ms) => `tmi-sent-ts=${Number(ms) + hour * HOUR_MS}`)
        .replace(/;id=([0-9a-f]{6})/, `;id=${hour.toString(16).padStart(6, '0')}`),
    ),
  );
  const lines = hours.flat();
  const chatterino = hours.map(
    (_, hour) => `[${String(hour % 24).padStart(2, '0')}:15:00]  ann: hour ${hour}\n`,
  );
  const files = {
    'justlog/71092938/2019/9/15/channel.txt': lines.slice(0, 24 * LINES_AN_HOUR).join('\n'),
    'justlog/71092938/2019/9/16/channel.txt': lines.slice(24 * LINES_AN_HOUR).join('\n'),
    'justlog/71092938/2019/9/123.txt': lines.filter((_, index) => index % 7 === 0).join('\n'),
    'Twitch/Channels/other/other-2019-09-15.log': `# Start logging at 2019-09-15 00:00:00 UTC\n${chatterino.slice(0, 24).join('')}`,
    'Twitch/Channels/other/other-2019-09-16.log': `# Start logging at 2019-09-16 00:00:00 UTC\n${chatterino.slice(24).join('')}`,
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(logs.join(name, '..'), { recursive: true });
    await writeFile(logs.join(name), content);
  }
  return lines;
}

interface Target {
  bucket: string;
  endpoint?: string;
}

function start({ bucket, endpoint = s3.endpoint }: Target) {
  const { region, accessKeyId, secretAccessKey } = s3;
  const args = ['import', '--archive', `s3://${bucket}/logs`, '--timezone', 'UTC', '--json', '.'];
  return spawn(NODE, [BIN, ...args], {
    cwd: logs.path,
    env: {
      ...process.env,
      // What killed ones leave there goes with it.
      TMPDIR: scratch.path,
      AWS_ENDPOINT_URL_S3: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function finish(
  child: ReturnType<typeof start>,
): Promise<{ code: number | null; summary: Record<string, unknown> }> {
  const ended = once(child, 'close') as Promise<[number | null]>;
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`ended with ${code}: ${err}`);
  return { code, summary: JSON.parse(out) };
}

async function contents(bucket: string): Promise<[key: string, bytes: string, metadata: object][]> {
  const objects = await readBucket(s3, bucket);
  return objects.map(({ path, bytes, metadata }) => [path, bytes.toString('base64'), metadata]);
}

it('brings everything in once, byte for byte, however often it is killed, and changes nothing afterwards', async () => {
  const whole = { bucket: await s3.createBucket() };
  const { summary } = await finish(start(whole));
  expect(summary).toMatchObject({ new: rawLines.length + HOURS, objects: 2 * HOURS, rejected: 0 });
  const expected = await contents(whole.bucket);
  const lines = (await readBucket(s3, whole.bucket)).flatMap(({ events }) => events as ChatEvent[]);
  const twitch = lines.filter(({ channel }) => channel === CORPUS_CHANNEL);
  expect(twitch.map((event) => String(originalLine(event))).toSorted()).toEqual(rawLines.toSorted());

  const killed = { bucket: await s3.createBucket() };
  let kills = 0;
  for (let delayMs = 600; ; delayMs *= 1.5) {
    const child = start(killed);
    const done = finish(child).catch(() => undefined);
    const ended = await Promise.race([done, sleep(delayMs).then(() => 'late' as const)]);
    if (ended !== 'late') break;
    child.kill('SIGKILL');
    await done;
    kills++;
  }
  expect(kills).toBeGreaterThan(2);
  await finish(start(killed));
  expect(await contents(killed.bucket)).toEqual(expected);
  expect((await finish(start(killed))).summary).toMatchObject({
    new: 0,
    known: rawLines.length + HOURS,
    objects: 0,
  });
  expect(await contents(killed.bucket)).toEqual(expected);
}, 300_000);

it('comes to the same through a network that fails', async () => {
  const calm = { bucket: await s3.createBucket() };
  await finish(start(calm));
  await using front = Object.assign(await startFaultFront(s3.endpoint), {
    async [Symbol.asyncDispose]() {
      await front.close();
    },
  });
  const fails: Fault[] = [
    { act: 'status', status: 503, code: 'SlowDown', times: 3 },
    { act: 'reset', times: 2 },
    { act: 'dropAfter', times: 3, match: ({ method }) => method === 'PUT' },
    { act: 'corruptRequest', times: 2, match: ({ method }) => method === 'PUT' },
    { act: 'resetMidRequest', bytes: 100, times: 2, match: ({ method }) => method === 'PUT' },
    { act: 'status', status: 500, code: 'InternalError', times: 3, match: ({ method }) => method === 'HEAD' },
  ];
  front.faults.push(...fails);
  const rough = { bucket: await s3.createBucket(), endpoint: front.url };
  for (let attempt = 1; ; attempt++) {
    const done = await finish(start(rough)).catch(() => undefined);
    if (done) break;
    expect(attempt).toBeLessThan(10);
  }
  expect(front.faults.filter(({ times = 1 }) => times > 0)).toEqual([]);
  expect(await contents(rough.bucket)).toEqual(await contents(calm.bucket));
  front.faults.push({
    act: 'truncate',
    bytes: 50,
    times: 3,
    match: ({ method, url }) => method === 'GET' && /\.zst/.test(url ?? ''),
  });
  expect((await finish(start(rough))).summary).toMatchObject({ new: 0 });
});
