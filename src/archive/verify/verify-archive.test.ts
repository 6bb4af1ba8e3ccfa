import { readFile, rename, truncate, unlink, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  describedLines,
  gapLine,
  keyOfLines,
  linesOf,
  putLines,
  saidLines,
} from '../../../test/support/stored-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { openSpool } from '../../spool.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { toMetadata } from '../../storage/segment-metadata.ts';
import { manifestKey } from '../manifest/manifest-key.ts';
import { writeManifest } from '../manifest/write-manifest.ts';
import { EVERYTHING } from '../selection.ts';
import { LocalCopies } from './local-copies.ts';
import { type VerifyOptions, type VerifyReport, verifyArchive } from './verify-archive.ts';

const never = new AbortController().signal;
const DAY_MS = Date.UTC(2026, 10, 20);
const DAY = { dayMs: DAY_MS, platform: 'twitch' };
const MANIFEST = manifestKey(DAY, 1);
const NOW_MS = DAY_MS + 3 * 86_400_000;
const hour = (index: number) => DAY_MS + index * 3_600_000;

let directory: TempDir;
let store: ObjectStore;
beforeEach(async () => {
  directory = await tempDir();
  store = await createDirectoryObjectStore(directory.join('archive'));
  return async () => directory[Symbol.asyncDispose]();
});

const path = (key: string) => directory.join('archive', key);
const put = (
  ...parts: Parameters<typeof putLines> extends [unknown, unknown, ...infer Rest] ? Rest : never
) => putLines(store, directory.path, ...parts);
const write = () => writeManifest({ ...DAY, store, by: 'a', now: () => NOW_MS }, never);

function verify(options: Partial<VerifyOptions> = {}): Promise<VerifyReport> {
  return verifyArchive({
    ...{ store, selection: EVERYTHING, exportPrefixes: ['kept/'], isQuick: false, repairs: false },
    writes: { add: false, renew: false, acceptLoss: false },
    ...{
      local: undefined,
      localProblem: 'no copies',
      instance: 'a',
      now: () => NOW_MS,
      onObject() {},
      signal: never,
    },
    ...options,
  });
}

const found = ({ problems }: VerifyReport) => problems.map(({ code, key }) => [code, key]);

/** Three busy hours of two channels, with a gap and its manifest. */
async function cleanDay(): Promise<string[]> {
  const keys: string[] = [];
  for (const channel of ['ann', 'xqc'])
    for (const index of [1, 2, 3])
      keys.push(
        await put([
          ...saidLines(60, hour(index), { channel, everyMs: 60_000 }),
          gapLine(hour(index), hour(index) + 5_000, { channel }),
        ]),
      );
  await write();
  return keys;
}

test('finds nothing in a clean archive, read or not', async () => {
  await cleanDay();
  for (const key of [
    'chatlog-decisions/x.json',
    'chatlog-check/1',
    'exports/a/b',
    'kept/2026/x.parquet',
    'parquet/dt=2026-11-20/platform=twitch/xqc.parquet',
  ])
    await store
      .overwrite(
        key,
        { path: path(MANIFEST), description: describedLines(Buffer.from('x')).description },
        never,
      )
      .catch(() => {});
  const clean = {
    problems: [],
    problemCounts: {},
    notices: [],
    complete: true,
    objects: 6,
    lines: 366,
    days: 1,
  };
  const gaps = { count: 6, seconds: 30, filled: 0 };
  expect(await verify()).toMatchObject({ ...clean, gaps, manifests: { read: 1, written: 0, lacking: 0 } });
  expect(await verify({ isQuick: true })).toMatchObject({ ...clean, gaps });
});

describe('finds exactly', () => {
  let keys: string[];
  let key: string;
  beforeEach(async () => {
    keys = await cleanDay();
    key = keys[4]!;
  });

  test('a flipped byte, wherever it is', async () => {
    const bytes = await readFile(path(key));
    for (const at of [0, 5, bytes.length >> 1, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      await unlink(path(key));
      await writeFile(path(key), damaged);
      const report = await verify();
      expect(found(report)).toEqual([['object_corrupt', key]]);
      expect(report.notices).toEqual([]);
    }
    // By listing and metadata alone it cannot be seen.
    expect(found(await verify({ isQuick: true }))).toEqual([]);
  });

  test('an object that is cut off, or empty', async () => {
    for (const length of [100, 0]) {
      await truncate(path(key), length);
      for (const isQuick of [true, false])
        expect(found(await verify({ isQuick }))).toEqual([['object_truncated', key]]);
    }
  });

  test('an object that is missing', async () => {
    await store.remove(key, never);
    for (const isQuick of [true, false]) {
      const report = await verify({ isQuick });
      expect(found(report)).toEqual([['object_missing', key]]);
      expect(report.notices).toEqual([]);
    }
  });

  test('an object that lies there twice', async () => {
    const lines = linesOf([
      ...saidLines(60, hour(2), { channel: 'xqc', everyMs: 60_000 }),
      gapLine(hour(2), hour(2) + 5_000),
    ]);
    const { bytes, description } = describedLines(lines);
    await writeFile(directory.join('again'), bytes);
    const again = keyOfLines(saidLines(1, hour(2)), { suffix: '-2' });
    await store.put(again, { path: directory.join('again'), description }, never);
    for (const isQuick of [true, false])
      expect(found(await verify({ isQuick })).toSorted()).toEqual([
        ['manifest_stale', MANIFEST],
        ['object_doubled', keys[4]],
      ]);
  });

  test('lines of a wrong hour', async () => {
    const wrong = await put(saidLines(60, hour(3), { everyMs: 120_000 }), { startMs: hour(5) });
    expect(found(await verify())).toEqual([
      ['wrong_hour', wrong],
      ['manifest_stale', MANIFEST],
    ]);
  });

  test('lines of another channel, or platform', async () => {
    const wrong = [
      await put(saidLines(9, hour(7), { channel: 'forsen' }), { channel: 'xqc' }),
      await put(saidLines(9, hour(8), { platform: 'kick' }), { platform: 'twitch' }),
    ];
    expect(found(await verify())).toEqual([
      ...wrong.map((key) => ['wrong_hour', key]),
      ['manifest_stale', MANIFEST],
    ]);
  });

  test('a segment that lies elsewhere than its name says', async () => {
    const elsewhere = key.replace('/20/twitch/', '/21/twitch/');
    await store.overwrite(elsewhere, { path: path(key), ...(await head(key)) }, never);
    expect(found(await verify())).toEqual([['wrong_hour', elsewhere]]);
  });

  test('files that are not ours', async () => {
    const foreign = [
      '2026/11/20/twitch/xqc/notes.txt',
      '2026/11/20/twitch/_manifest-1.json',
      'backup.tar',
      'other/x.jsonl',
    ];
    for (const name of foreign) await store.overwrite(name, { path: path(key), ...(await head(key)) }, never);
    const report = await verify();
    expect(found(report).toSorted()).toEqual(foreign.map((name) => ['foreign_file', name]).toSorted());
    expect(found(await verify({ selection: { ...EVERYTHING, channels: ['ann'] } }))).toEqual([]);
  });

  test.each([
    ['an object that it does not list', (text: string) => text.replace(/^\{"key".*\n/m, '')],
    [
      'another number of lines',
      (text: string) => text.replace('"lines":61,"lines_sha', '"lines":60,"lines_sha'),
    ],
    ['another gap', (text: string) => text.replace('the connection was lost', 'kicked')],
  ])('a manifest that is stale: %s', async (_, change) => {
    const text = (await readFile(path(MANIFEST), 'utf8')).replace(/^\{"version"/, '{"version"');
    await forge(MANIFEST, change(text));
    expect(found(await verify())).toEqual([['manifest_stale', MANIFEST]]);
  });

  test('a manifest that is damaged; the one before it counts', async () => {
    await put(saidLines(60, hour(4), { channel: 'xqc', everyMs: 60_000 }));
    await write();
    const second = manifestKey(DAY, 2);
    await truncate(path(second), 300);
    expect(found(await verify())).toEqual([
      ['manifest_corrupt', second],
      ['manifest_stale', MANIFEST],
    ]);
  });

  test('an object without metadata, and one with wrong metadata', async () => {
    const meta = (of: string) => directory.join('archive/.chatlog/meta', `${of}.json`);
    await unlink(meta(keys[0]!));
    const { description } = await head(key);
    await writeFile(meta(key), JSON.stringify(toMetadata({ ...description, lines: 5 })));
    const report = await verify();
    expect(found(report)).toEqual([
      ['metadata_missing', keys[0]],
      ['metadata_wrong', key],
    ]);
    expect(report.problems[1]!.message).toContain('the number of lines: "5" in place of "61"');
  });

  test('an object that was replaced by another one, which says of itself that it is right', async () => {
    const { bytes, description } = describedLines(linesOf(saidLines(50, hour(2))));
    await writeFile(directory.join('other'), bytes);
    await store.overwrite(key, { path: directory.join('other'), description }, never);
    for (const isQuick of [true, false])
      expect(found(await verify({ isQuick }))).toEqual([['manifest_stale', MANIFEST]]);
  });
});

test('finds lines that are no events, and a day object that is not sorted', async () => {
  const odd = { ...saidLines(1, hour(1))[0]!, timestamp: 'yesterday' };
  const malformed = await put([...saidLines(2, hour(1)), odd], { startMs: hour(1) });
  const [a, b] = saidLines(2, hour(2), { channel: 'ann' });
  const unsorted = await put([b!, a!], { startMs: DAY_MS, suffix: '-day' });
  expect(found(await verify()).toSorted()).toEqual([
    ['line_malformed', malformed],
    ['order', unsorted],
  ]);
});

test('tells of holes, of hours beside a day object and of a clock that went back, and fails for none of these', async () => {
  const busy = (index: number, channel: string) =>
    put(saidLines(60, hour(index), { channel, everyMs: 60_000 }));
  for (const index of [1, 4]) await busy(index, 'ann');
  for (const index of [1, 2, 3, 4]) await busy(index, 'bob');
  await put(saidLines(9, hour(2)), { startMs: DAY_MS, suffix: '-day' });
  await busy(2, 'xqc');
  const [a, b] = saidLines(2, hour(6), { channel: 'con', everyMs: 60_000 });
  const back = await put([b!, a!]);
  await write();
  const { notices, problems } = await verify();
  expect(problems).toEqual([]);
  expect(notices.map(({ code, subject }) => [code, subject]).toSorted()).toEqual([
    ['hole', 'twitch/ann'],
    ['not_compacted', 'twitch/xqc'],
    ['order', back],
  ]);
  expect(notices.find(({ code }) => code === 'hole')!.message).toContain(
    '2026-11-20 02:00-04:00, no gap noted',
  );
});

test('looks at the selection alone, also of what the manifest lists', async () => {
  const keys = await cleanDay();
  for (const key of keys) await store.remove(key, never);
  const selection = { ...EVERYTHING, channels: ['ann'], fromMs: hour(2), toMs: hour(3) };
  expect(found(await verify({ selection }))).toEqual([['object_missing', keys[1]]]);
  expect(found(await verify({ selection: { ...EVERYTHING, platforms: ['irc-x'] } }))).toEqual([]);
  expect(found(await verify({ selection: { ...EVERYTHING, fromMs: hour(24) } }))).toEqual([]);
});

test('writes manifests of days that are over, and adds what came since', async () => {
  const writes = { add: true, renew: false, acceptLoss: false };
  const key = await put(saidLines(9, hour(1)));
  expect(await verify()).toMatchObject({ manifests: { lacking: 1, written: 0 } });
  expect(await verify({ writes, now: () => hour(25) })).toMatchObject({
    manifests: { written: 0, lacking: 0 },
  });
  expect(await verify({ writes })).toMatchObject({ manifests: { lacking: 0, written: 1 }, problems: [] });
  await put(saidLines(9, hour(2)));
  const report = await verify({ writes });
  expect(report).toMatchObject({ manifests: { written: 1 }, problemCounts: {}, repaired: 1 });
  // What went away is not covered up by that.
  await store.remove(key, never);
  await put(saidLines(9, hour(3)));
  expect(await verify({ writes })).toMatchObject({
    manifests: { written: 1 },
    problemCounts: { object_missing: 1 },
  });
  expect(found(await verify())).toEqual([['object_missing', key]]);
});

describe('repairs', () => {
  const writes = { add: true, renew: true, acceptLoss: false };

  async function copies(keys: readonly string[]): Promise<LocalCopies> {
    const spool = await openSpool(directory.join('data'));
    for (const key of keys)
      await writeFile(spool.path('uploaded', key.slice(key.lastIndexOf('/') + 1)), await readFile(path(key)));
    return new LocalCopies(spool);
  }

  test('what is missing, damaged and undescribed, byte for byte, and says what it could not', async () => {
    const keys = await cleanDay();
    const before = await Promise.all(keys.map((key) => readFile(path(key))));
    const local = await copies(keys.slice(0, 5));
    await unlink(path(keys[0]!));
    await truncate(path(keys[1]!), 50);
    await unlink(path(keys[2]!));
    await writeFile(path(keys[2]!), Buffer.concat([before[2]!.subarray(0, -1), Buffer.from('x')]));
    await unlink(directory.join('archive/.chatlog/meta', `${keys[3]!}.json`));
    await truncate(path(keys[5]!), 50);
    const report = await verify({ local, repairs: true, writes });
    expect(report).toMatchObject({ repaired: 4, problemCounts: { object_truncated: 1 } });
    expect(report.problems.find(({ repaired }) => !repaired)).toMatchObject({
      key: keys[5],
      unrepaired: 'no copy with the right bytes is left in data_dir',
    });
    for (const [index, key] of keys.slice(0, 5).entries())
      expect(await readFile(path(key))).toEqual(before[index]);
    expect(found(await verify())).toEqual([['object_truncated', keys[5]]]);
  });

  test('never with a copy of other lines', async () => {
    const keys = await cleanDay();
    const local = await copies([]);
    const spool = await openSpool(directory.join('data'));
    const { bytes } = describedLines(linesOf(saidLines(60, hour(1), { channel: 'ann' })));
    await writeFile(spool.path('uploaded', keys[0]!.slice(keys[0]!.lastIndexOf('/') + 1)), bytes);
    await unlink(path(keys[0]!));
    expect(await verify({ local, repairs: true, writes })).toMatchObject({
      repaired: 0,
      problemCounts: { object_missing: 1 },
    });
    // Nor in the place of an object that only says nothing about itself.
    const [own, other] = [saidLines(60, hour(5)), saidLines(61, hour(5))];
    const key = await put(own, { suffix: '-2' });
    await write();
    await unlink(directory.join('archive/.chatlog/meta', `${key}.json`));
    const file = spool.path('uploaded', key.slice(key.lastIndexOf('/') + 1));
    await writeFile(file, describedLines(linesOf(other)).bytes);
    const left = { problemCounts: { object_missing: 1, metadata_missing: 1 } };
    for (const isQuick of [true, false])
      expect(await verify({ local, repairs: true, writes, isQuick })).toMatchObject(left);
    await writeFile(file, describedLines(linesOf(own)).bytes);
    expect(await verify({ local, repairs: true, writes })).toMatchObject({ repaired: 1 });
  });

  test('without a manifest, what was verified in storage once', async () => {
    const [first, second] = [await put(saidLines(9, hour(1))), await put(saidLines(9, hour(30)))];
    const local = await copies([first, second]);
    for (const key of [first, second]) await store.remove(key, never);
    expect(found(await verify({ local }))).toEqual([
      ['object_missing', first],
      ['object_missing', second],
    ]);
    expect(await verify({ local, repairs: true, writes })).toMatchObject({ repaired: 2, problemCounts: {} });
    expect(await verify({ local })).toMatchObject({ problems: [], objects: 2 });
  });

  test('stale and damaged manifests; an object that is lost only where that is accepted', async () => {
    const keys = await cleanDay();
    await rename(path(keys[0]!), directory.join('lost'));
    const { bytes, description } = describedLines(linesOf(saidLines(50, hour(2))));
    await writeFile(directory.join('other'), bytes);
    await store.overwrite(keys[4]!, { path: directory.join('other'), description }, never);
    expect(await verify({ repairs: true, writes })).toMatchObject({
      repaired: 1,
      problemCounts: { object_missing: 1 },
    });
    expect(found(await verify())).toEqual([['object_missing', keys[0]]]);
    await truncate(path(manifestKey(DAY, 2)), 10);
    await verify({ repairs: true, writes: { ...writes, acceptLoss: true } });
    expect(found(await verify())).toEqual([]);
  });
});

test('looks again at a day that somebody compacts meanwhile', async () => {
  const lines = saidLines(9, hour(1));
  const key = await put(lines);
  await write();
  let isFirst = true;
  const moving = new Proxy(store, {
    get: (target, name: keyof ObjectStore) => {
      const member = target[name];
      if (typeof member !== 'function') return member;
      if (name !== 'open') return member.bind(target);
      return async (...parts: Parameters<ObjectStore['open']>) => {
        if (isFirst) {
          isFirst = false;
          await put(lines, { startMs: DAY_MS, suffix: '-day' });
          await writeManifest({ ...DAY, store, by: 'a', now: () => NOW_MS, without: new Set([key]) }, never);
          await store.remove(key, never);
        }
        return target.open(...parts);
      };
    },
  });
  expect(await verify({ store: moving })).toMatchObject({
    problems: [],
    notices: [],
    objects: 1,
    complete: true,
  });
});

test('says how far it came when it is stopped', async () => {
  await cleanDay();
  const stop = new AbortController();
  const report = await verify({ signal: stop.signal, onObject: () => stop.abort(new Error('stopped')) });
  expect(report).toMatchObject({ complete: false, problems: [] });
});

async function head(key: string) {
  return { description: (await store.head(key, never))!.description! };
}

/** As somebody writes it who keeps its metadata right. */
async function forge(key: string, text: string): Promise<void> {
  const { bytes, description } = describedLines(Buffer.from(text), { compression: 'none' });
  await writeFile(directory.join('forged'), bytes);
  await store.overwrite(key, { path: directory.join('forged'), description }, never);
}
