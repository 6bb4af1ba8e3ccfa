/**
 * `chatlog compact` as its users run it: many objects of two recorders on a real S3 server, killed again and again, and
 * through a front that fails; what is left holds what a plain model of the lines says. And what it says to people.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { configSchema } from '../../src/config/schema.ts';
import type { ChatEvent } from '../../src/event.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { modelLines } from '../support/archive-model.ts';
import { archiveLines, putSegment } from '../support/archive-objects.ts';
import { ARCHIVE_SCALE, OBJECTS } from '../support/archive-scale.ts';
import { storedSegments } from '../support/compact-world.ts';
import { type Fault, startFaultFront } from '../support/fault-front.ts';
import { indexLines, seededRandom } from '../support/index-lines.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { BIN, type CommandResult, chatlog, NODE } from '../support/run-command.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { saidLines } from '../support/stored-lines.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 9, 1);

let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.stop());

interface Place extends AsyncDisposable {
  store: ObjectStore;
  compact(...args: string[]): Promise<CommandResult>;
  /** Killed after so long at most; whether it came to its end before that, with everything done. */
  compactAndKill(maxMs: number, endpoint?: string): Promise<boolean>;
}

async function place(): Promise<Place> {
  const directory = await tempDir('compact');
  const bucket = await s3.createBucket();
  const { region, accessKeyId, secretAccessKey } = s3;
  const configure = async (file: string, endpoint: string) => {
    const keys = { access_key_id: accessKeyId, secret_access_key: secretAccessKey, force_path_style: true };
    const patience = { connect_timeout_seconds: 2, socket_timeout_seconds: 2, attempt_timeout_seconds: 20 };
    await writeFile(
      directory.join(file),
      stringify({ s3: { bucket, endpoint, region, ...keys, ...patience } }),
    );
  };
  await configure('config.yaml', s3.endpoint);
  const { upload } = configSchema.parse({});
  const store = createObjectStore({ s3: s3.s3Config(bucket), archive: { directory: '' }, upload }, silentLog);
  return {
    store,
    compact: (...args) => chatlog(directory.path, 'compact', '--level', '3', ...args),
    compactAndKill: async (maxMs, endpoint = s3.endpoint) => {
      await configure('other.yaml', endpoint);
      const child = spawn(NODE, [BIN, 'compact', '--level', '3', '--config', 'other.yaml', '--quiet'], {
        cwd: directory.path,
        stdio: 'ignore',
      });
      const ended = once(child, 'close') as Promise<[number | null]>;
      await Promise.race([ended, sleep(maxMs)]);
      child.kill('SIGKILL');
      return (await ended)[0] === 0;
    },
    [Symbol.asyncDispose]: async () => {
      store.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const channelDayOf = (key: string) => key.split('/').slice(0, 5).join('/');

test('hundreds of objects become one a channel and day, whatever kills it and however storage fails', async () => {
  await using it = await place();
  const random = seededRandom(5);
  const all = indexLines({ seed: 5, startMs: START_MS, ...ARCHIVE_SCALE });
  const other = all
    .filter(() => random(2) === 0)
    .map((line) => {
      const event = JSON.parse(line) as ChatEvent;
      return JSON.stringify({ ...event, ...(event.id !== undefined && { source: 'backfill' }) });
    });
  const segments = await archiveLines(it.store, [all, other], (index) => (index % 5 === 0 ? 'gzip' : 'zstd'));
  expect(segments.length).toBeGreaterThanOrEqual(OBJECTS);
  const byDay = Map.groupBy(segments, ({ key }) => channelDayOf(key));

  const now =
    (oneIn: number, method = 'GET') =>
    (request: IncomingMessage) =>
      request.method === method && /\.(jsonl|json)/.test(request.url ?? '') && random(oneIn) === 0;
  const faults: Fault[] = [
    { act: 'status', status: 503, code: 'SlowDown', match: now(20), times: 20 },
    { act: 'reset', match: now(20), times: 20 },
    { act: 'truncate', bytes: 100, match: now(20), times: 20 },
    { act: 'corruptResponse', match: now(20), times: 20 },
    { act: 'corruptRequest', match: now(10, 'PUT'), times: 5 },
    { act: 'dropAfter', match: now(10, 'PUT'), times: 5 },
    { act: 'dropAfter', match: now(20, 'DELETE'), times: 10 },
    { act: 'status', status: 500, code: 'InternalError', match: now(20, 'DELETE'), times: 10 },
  ];
  const front = await startFaultFront(s3.endpoint);
  front.faults.push(...faults);
  try {
    let kills = 0;
    // Ever longer: it ends, however slow the machine is.
    while (!(await it.compactAndKill(3_000 * 1.4 ** kills, front.url))) kills++;
    expect(kills).toBeGreaterThan(1);
  } finally {
    await front.close();
  }
  const after = await storedSegments(it.store);
  expect(after.map(({ key }) => channelDayOf(key)).toSorted()).toEqual([...byDay.keys()].toSorted());
  for (const { key, isDay, lines } of after) {
    expect(isDay, key).toBe(true);
    expect(lines, key).toEqual(modelLines(byDay.get(channelDayOf(key))!.map((segment) => segment.lines)));
  }
  const verified = await it.compact('--json');
  expect(verified.code).toBe(0);
  expect(
    JSON.parse(verified.stdout).days.every(({ outcome }: { outcome: string }) => outcome === 'unchanged'),
  ).toBe(true);
}, 600_000);

describe('the command', () => {
  const DAY = Math.floor(Date.now() / (24 * HOUR_MS)) * 24 * HOUR_MS;

  /** Two old days, yesterday and today, of a channel in a directory. */
  async function archive(): Promise<TempDir & { compact: (...args: string[]) => Promise<CommandResult> }> {
    const directory = await tempDir('compact');
    const store = await createDirectoryObjectStore(directory.join('archive'));
    for (const days of [9, 8, 1, 0])
      for (const hour of [0, 1]) {
        const startMs = DAY - days * 24 * HOUR_MS + hour * HOUR_MS;
        const lines = saidLines(20, startMs).map((event) => JSON.stringify(event));
        await putSegment(store, { platform: 'twitch', channel: 'xqc', startMs }, lines);
      }
    return {
      ...directory,
      join: directory.join,
      compact: (...args) =>
        chatlog(directory.path, 'compact', '--archive', 'archive', '--level', '3', ...args),
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  }

  const dayText = (days: number) => new Date(DAY - days * 24 * HOUR_MS).toISOString().slice(0, 10);

  test('says what it would do, what it did, and what has to wait', async () => {
    await using it = await archive();
    const planned = await it.compact('--dry-run');
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout).toMatch(
      new RegExp(`^${dayText(9)}  twitch/xqc: 2 objects, .* would become one object$`, 'm'),
    );
    expect(planned.stdout).toContain('2 channel days would be compacted: 4 objects');
    const done = await it.compact();
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/twitch\/xqc: 2 objects, .* -> .* \(\d+\.\d bytes a line\)/);
    expect(done.stdout).toContain('2 channel days not over for 2d yet');
    const again = await it.compact();
    expect(again.stdout).toContain('nothing was compacted');
    expect(again.stdout).toContain('2 channel days compact already');
  });

  test('never touches the running day', async () => {
    await using it = await archive();
    const { code, stdout } = await it.compact('--older-than', '0d', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.days.map(({ day }: { day: string }) => day)).toEqual([9, 8, 1].map(dayText));
    expect(report.waiting).toBe(1);
  });

  test('writes Parquet beside, also of what was compacted before', async () => {
    await using it = await archive();
    await it.compact('--since', dayText(9), '--until', dayText(8));
    const { stdout } = await it.compact('--parquet', '--json');
    expect(JSON.parse(stdout).days.map(({ parquet }: { parquet?: { key: string } }) => parquet?.key)).toEqual(
      [9, 8].map((days) => `parquet/dt=${dayText(days)}/platform=twitch/xqc.parquet`),
    );
    expect((await it.compact('--parquet')).stdout).toContain('nothing was compacted');
  });

  test('says everything that is wrong with what it is told at once', async () => {
    await using it = await archive();
    const wrong = await it.compact('--older-than', 'long', '--level', '99', '--last', 'x');
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr.trim().split('\n')).toHaveLength(3);
    const nowhere = await chatlog(it.path, 'compact', '--archive', 'nowhere');
    expect(nowhere).toMatchObject({ code: 1 });
    expect(nowhere.stderr).toContain('is not there');
  });

  test('fails where a day could not be compacted, and names what is damaged', async () => {
    await using it = await archive();
    const hour = `archive/${dayText(9).replaceAll('-', '/')}/twitch/xqc/twitch_xqc_${dayText(9).replaceAll('-', '')}_0000.jsonl.zst`;
    await writeFile(it.join(hour), 'no zstd at all');
    const { code, stdout, stderr } = await it.compact();
    expect(code).toBe(1);
    expect(stderr).toContain('its bytes are not those that it describes');
    expect(stderr).toContain('1 channel day could not be compacted');
    expect(stdout).toContain('1 channel day compacted');
  });
});
