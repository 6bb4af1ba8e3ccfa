import { truncate, unlink, writeFile } from 'node:fs/promises';
import { beforeEach, expect, test } from 'vitest';
import { gapLine, putLines, saidLines } from '../../../test/support/stored-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { encodeName } from '../../segment-name.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments } from '../../storage/read-segment.ts';
import { manifestKey } from './manifest-key.ts';
import { removeManifests, type WriteManifestOptions, writeManifest } from './write-manifest.ts';

const never = new AbortController().signal;
const DAY_MS = Date.UTC(2026, 10, 21);
const DAY = { dayMs: DAY_MS, platform: 'twitch' };
const hour = (index: number) => DAY_MS + index * 3_600_000;

let directory: TempDir;
let store: ObjectStore;
beforeEach(async () => {
  directory = await tempDir();
  store = await createDirectoryObjectStore(directory.join('archive'));
  return async () => directory[Symbol.asyncDispose]();
});

const put = (
  ...parts: Parameters<typeof putLines> extends [unknown, unknown, ...infer Rest] ? Rest : never
) => putLines(store, directory.path, ...parts);
const write = (options: Partial<WriteManifestOptions> = {}) =>
  writeManifest({ ...DAY, store, by: 'a', now: () => hour(30), ...options }, never);
const keysOf = async (options?: Partial<WriteManifestOptions>) =>
  (await write(options))?.manifest.objects.map(({ key }) => key);

test('describes the objects of its day and platform, and the gaps that their lines tell of', async () => {
  const first = await put(saidLines(3, hour(1)));
  const second = await put([
    ...saidLines(2, hour(2), { channel: 'ann' }),
    gapLine(hour(2), hour(3), { channel: 'ann' }),
  ]);
  await put(saidLines(1, hour(24)));
  await put(saidLines(1, hour(1), { platform: 'irc-x' }));
  await writeFile(directory.join('archive/2026/11/21/twitch/notes.txt'), 'not ours');
  const written = await write();
  expect(written).toMatchObject({
    key: '2026/11/21/twitch/_manifest-0001.json',
    isNew: true,
    unreadable: [],
  });
  expect(written!.manifest).toMatchObject({
    ...{ day: '2026-11-21', platform: 'twitch', by: 'a', written_at: '2026-11-22T06:00:00.000Z' },
    totals: { objects: 2, lines: 6 },
    objects: [
      { key: second, lines: 3, instance: 'test', first: '2026-11-21T02:00:00.000Z' },
      { key: first, lines: 3, last: '2026-11-21T01:00:02.000Z' },
    ],
    gaps: [{ channel: 'ann', timestamp: '2026-11-21T02:00:00.000Z', until: '2026-11-21T03:00:00.000Z' }],
  });
});

test('is not written again where it would say the same, and grows by a generation where objects came', async () => {
  await put(saidLines(3, hour(1)));
  await write();
  expect(await write({ by: 'b' })).toMatchObject({ isNew: false, key: manifestKey(DAY, 1) });
  await put(saidLines(3, hour(2)));
  expect(await write({ by: 'b' })).toMatchObject({ isNew: true, key: manifestKey(DAY, 2) });
});

test('covers up neither an object that went away nor one that was changed', async () => {
  const [gone, cut] = [await put(saidLines(3, hour(1))), await put(saidLines(9, hour(2)))];
  const before = (await write())!.manifest;
  await store.remove(gone, never);
  await truncate(directory.join('archive', cut), 20);
  const added = await put(saidLines(3, hour(3)));
  const after = (await write())!.manifest;
  expect(after.objects.map(({ key }) => key)).toEqual([gone, cut, added]);
  expect(after.objects.slice(0, 2)).toEqual(before.objects);
});

test('leaves out what is about to be removed, and takes the gaps of its channel from what replaces it', async () => {
  const lines = [...saidLines(3, hour(1)), gapLine(hour(1), hour(2))];
  const other = gapLine(hour(4), hour(5), { channel: 'ann' });
  const [source, ann] = [await put(lines), await put([other])];
  await write();
  const whole = await put(lines, { startMs: DAY_MS, suffix: '-day' });
  const { manifest } = (await write({ without: new Set([source]) }))!;
  expect(manifest.objects.map(({ key }) => key).toSorted()).toEqual([ann, whole].toSorted());
  expect(manifest.gaps.map(({ channel }) => channel)).toEqual(['ann', 'xqc']);
  await store.remove(source, never);
  expect(await write()).toMatchObject({ isNew: false });
});

test('takes what was rewritten on purpose as it is now, gaps too, and forgets what is gone', async () => {
  const channel = '#Weißwurst';
  const [first, second] = [
    await put([
      ...saidLines(3, hour(1), { channel }),
      gapLine(hour(1), hour(2), { channel, reason: 'kicked by ann' }),
    ]),
    await put([gapLine(hour(5), hour(6), { channel })]),
  ];
  expect(first).toContain(encodeName(channel));
  await write();
  for (const key of [first, second]) await store.remove(key, never);
  await put([
    ...saidLines(3, hour(1), { channel }),
    gapLine(hour(1), hour(2), { channel, reason: 'kicked by ***' }),
  ]);
  const { manifest } = (await write({ renewed: new Set([first, second]) }))!;
  expect(manifest.objects.map(({ key }) => key)).toEqual([first]);
  expect(manifest.gaps.map(({ reason }) => reason)).toEqual(['kicked by ***']);
});

test('says of a damaged object what it should be; of one without metadata nobody knows that', async () => {
  const [cut, bare] = [await put(saidLines(9, hour(1))), await put(saidLines(9, hour(2)))];
  const whole = await put([gapLine(hour(3), hour(4))]);
  for (const key of [cut, bare]) await truncate(directory.join('archive', key), 20);
  for (const key of [bare, whole]) await unlink(directory.join('archive/.chatlog/meta', `${key}.json`));
  const { manifest, unreadable } = (await write())!;
  expect(unreadable).toEqual([bare]);
  expect(manifest.objects.map(({ key, lines }) => [key, lines])).toEqual([
    [cut, 9],
    [whole, 1],
  ]);
  expect(manifest.gaps).toHaveLength(1);
});

test('is written anew, under the next number, where the last one cannot be read', async () => {
  const key = await put(saidLines(3, hour(1)));
  await write();
  await writeFile(directory.join('archive', manifestKey(DAY, 1)), 'x');
  expect(await write()).toMatchObject({ isNew: true, key: manifestKey(DAY, 2) });
  expect(await keysOf()).toEqual([key]);
});

test('takes into account what somebody else wrote in the same moment', async () => {
  const key = await put(saidLines(3, hour(1)));
  const late = await put(saidLines(3, hour(2)));
  let isFirst = true;
  const putLate: ObjectStore['put'] = async (...parts) => {
    if (isFirst) {
      isFirst = false;
      await write({ by: 'other', without: new Set([late]) });
    }
    return store.put(...parts);
  };
  const racing = new Proxy(store, {
    get: (target, name: keyof ObjectStore) => {
      const member = name === 'put' ? putLate : target[name];
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  expect(await write({ store: racing })).toMatchObject({ isNew: true, key: manifestKey(DAY, 2) });
  expect(await keysOf()).toEqual([key, late]);
});

test('is taken for a segment by nobody', async () => {
  const key = await put(saidLines(3, hour(1)));
  await write();
  const listed: string[] = [];
  for await (const segment of listSegments(store, {}, never)) listed.push(segment.key);
  expect(listed).toEqual([key]);
});

test('is nothing for a day without objects, and goes with them', async () => {
  expect(await write()).toBeUndefined();
  const key = await put(saidLines(3, hour(1)));
  await write();
  await store.remove(key, never);
  await removeManifests({ ...DAY, store }, never);
  expect(await write()).toBeUndefined();
});
