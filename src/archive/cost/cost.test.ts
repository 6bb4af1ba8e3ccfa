import { beforeEach, expect, test } from 'vitest';
import { putLines, saidLines } from '../../../test/support/stored-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { writeManifest } from '../manifest/write-manifest.ts';
import { EVERYTHING } from '../selection.ts';
import { PRICES } from './prices.ts';
import { projectCost, SMALL_OBJECT_BYTES } from './project-cost.ts';
import { type SurveyOptions, sumRows, surveyStorage } from './survey-storage.ts';

const never = new AbortController().signal;
const DAY_MS = 86_400_000;
const FIRST_MS = Date.UTC(2026, 9, 30);
const NOW_MS = FIRST_MS + 10.5 * DAY_MS;

let directory: TempDir;
let store: ObjectStore;
beforeEach(async () => {
  directory = await tempDir();
  store = await createDirectoryObjectStore(directory.join('archive'));
  return async () => directory[Symbol.asyncDispose]();
});

const survey = (options: Partial<SurveyOptions> = {}) =>
  surveyStorage({
    ...{
      store,
      selection: EVERYTHING,
      countsMessages: true,
      now: () => NOW_MS,
      onObject() {},
      signal: never,
    },
    ...options,
  });

test('adds up objects, bytes and messages by channel and month, and says what comes in a month', async () => {
  let bytes = 0;
  for (const day of [0, 1, 2, 3]) {
    const fromMs = FIRST_MS + day * DAY_MS;
    for (const channel of ['ann', 'xqc']) {
      const key = await putLines(store, directory.path, saidLines(100, fromMs, { channel }));
      bytes += (await store.head(key, never))!.bytes;
    }
    // Messages are told by manifests and metadata alike.
    if (day % 2 === 0)
      await writeManifest({ store, dayMs: fromMs, platform: 'twitch', by: '', now: () => NOW_MS }, never);
  }
  const { rows, other, uncounted, monthly } = await survey();
  expect(rows.map(({ channel, month, objects, messages }) => [channel, month, objects, messages])).toEqual([
    ['ann', '2026-10', 2, 200],
    ['ann', '2026-11', 2, 200],
    ['xqc', '2026-10', 2, 200],
    ['xqc', '2026-11', 2, 200],
  ]);
  expect(sumRows(rows)).toEqual({ objects: 8, bytes, billedBytes: 8 * SMALL_OBJECT_BYTES, messages: 800 });
  expect(other.objects).toBe(2);
  expect(uncounted).toBe(0);
  // Eight objects in ten days.
  expect(monthly).toMatchObject({
    days: 10,
    objects: expect.closeTo(24.35),
    bytes: expect.closeTo(bytes * 3.04375),
  });
  const part = await survey({ selection: { ...EVERYTHING, channels: ['xqc'] }, countsMessages: false });
  expect(sumRows(part.rows)).toMatchObject({ objects: 4, messages: undefined });
});

test('assumes no growth where nothing was recorded of late, or ever', async () => {
  expect((await survey()).monthly).toMatchObject({ days: 0, bytes: 0 });
  await putLines(store, directory.path, saidLines(100, FIRST_MS));
  expect((await survey({ now: () => FIRST_MS + 100 * DAY_MS })).monthly).toMatchObject({ days: 0, bytes: 0 });
  const selection = { ...EVERYTHING, toMs: FIRST_MS + 5 * DAY_MS };
  expect((await survey({ selection })).monthly).toMatchObject({ days: 5 });
});

const GIB = 1024 ** 3;
const cost = (name: string, stored: [number, number], monthly: [number, number] = [0, 0]) => {
  const amount = ([objects, gib]: [number, number]) => ({
    ...{ objects, bytes: gib * GIB },
    billedBytes: Math.max(gib * GIB, objects * SMALL_OBJECT_BYTES),
  });
  return projectCost(amount(stored), amount(monthly), PRICES.find((price) => price.name === name)!);
};

test('projects what the price lists say', () => {
  expect(cost('AWS S3 Standard', [1_000, 100])).toMatchObject({
    storagePerMonth: expect.closeTo(2.3),
    requestsPerMonth: 0,
    nextYear: expect.closeTo(27.6),
    readOnce: expect.closeTo(9.0004),
  });
  // 10 GiB more each month: 5 of them in the first month on average, 115 in the last.
  expect(cost('AWS S3 Standard', [0, 0], [1_000, 10]).nextYear).toBeCloseTo(0.023 * 720 + 12 * 0.0054);
  expect(cost('Cloudflare R2', [0, 100]).storagePerMonth).toBeCloseTo(1.5 * 1.073741824);
  expect(cost('Backblaze B2', [1_000, 0], [1_000, 0]).requestsPerMonth).toBeCloseTo(0.0004);
});

test('bills small objects as large ones where the class does', () => {
  const small = 8_192 * 10;
  expect(cost('AWS S3 Standard-IA', [small, 1]).storagePerMonth).toBeCloseTo(10 * 0.0125);
  expect(cost('AWS S3 Standard', [small, 1]).storagePerMonth).toBeCloseTo(0.023);
});
