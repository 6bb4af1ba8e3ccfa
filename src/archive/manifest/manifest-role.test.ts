import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { beforeEach, expect, test } from 'vitest';
import { memoryLogger } from '../../../test/support/segments.ts';
import { describedLines, gapLine, linesOf, putLines, saidLines } from '../../../test/support/stored-lines.ts';
import { type TempDir, tempDir } from '../../../test/support/temp-dir.ts';
import { configSchema } from '../../config/schema.ts';
import type { ChatEvent } from '../../event.ts';
import { openSpool, type Spool } from '../../spool.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { createUploader } from '../../uploading/uploader.ts';
import { parseManifest } from './manifest.ts';
import { manifestKey } from './manifest-key.ts';
import { writeDueManifests } from './manifest-role.ts';
import { emptyUploadedFacts, UploadedFacts } from './uploaded-facts.ts';

const never = new AbortController().signal;
const DAY_MS = Date.UTC(2026, 10, 20);
const DAY = { dayMs: DAY_MS, platform: 'twitch' };
const hour = (index: number) => DAY_MS + index * 3_600_000;

let directory: TempDir;
let spool: Spool;
let store: ObjectStore;
let uploaded: UploadedFacts;
let requests: string[];
beforeEach(async () => {
  directory = await tempDir();
  spool = await openSpool(directory.join('data'));
  const made = await createDirectoryObjectStore(directory.join('archive'));
  requests = [];
  store = new Proxy(made, {
    get: (target, name: keyof ObjectStore) => {
      const member = target[name];
      if (typeof member !== 'function') return member;
      return (...parts: never[]) => {
        requests.push(`${name} ${parts[0]}`);
        return (member as (...parts: never[]) => unknown).apply(target, parts);
      };
    },
  });
  uploaded = new UploadedFacts(spool, memoryLogger());
  return async () => directory[Symbol.asyncDispose]();
});

/** Seals a segment and takes it to storage the way a recorder does. */
async function upload(events: readonly ChatEvent[], hourOfDay: number): Promise<string> {
  const { bytes } = describedLines(linesOf(events), { compression: 'none' });
  const file = `twitch_xqc_20261120_${String(hourOfDay).padStart(2, '0')}00.jsonl`;
  await writeFile(spool.path('sealed', file), bytes);
  const stop = new AbortController();
  let key = '';
  const uploader = createUploader({
    ...{ spool, store, log: memoryLogger(), now: () => hour(24), mayDelete: () => true },
    config: configSchema.parse({ instance: 'one', recorder: { min_free_bytes: 0 } }),
    onUploaded: async (segment, signal) => {
      await uploaded.note(segment, signal);
      key = segment.key;
      stop.abort(new Error('uploaded'));
    },
  });
  await uploader.run(stop.signal);
  return key;
}

const write = (nowMs = hour(28)) =>
  writeDueManifests(
    {
      ...{ uploaded, store, instance: 'one', scratch: spool.path('tmp'), log: memoryLogger() },
      now: () => nowMs,
    },
    never,
  );

async function manifest(generation: number) {
  const text = await readFile(directory.join('archive', manifestKey(DAY, generation)), 'utf8');
  return parseManifest(text, DAY)!;
}

const names = async () =>
  (await readdir(directory.join('archive/2026/11/20/twitch'))).filter((name) => name.startsWith('_'));

test('a day gets its manifest some hours after it is over, without an object being read', async () => {
  const keys = [
    await upload([...saidLines(3, hour(1)), gapLine(hour(1), hour(2))], 1),
    await upload(saidLines(3, hour(5)), 5),
  ];
  await write(hour(26));
  expect(await names()).toEqual([]);
  requests = [];
  await write();
  const { objects, gaps, by } = await manifest(1);
  expect(objects.map(({ key }) => key)).toEqual(keys);
  expect({ gaps: gaps.length, by }).toEqual({ gaps: 1, by: 'one' });
  expect(requests.filter((request) => /^(get|open)/.test(request))).toEqual([]);
  // It is done with, also after a restart.
  uploaded = new UploadedFacts(spool, memoryLogger());
  expect(await uploaded.days()).toEqual([]);
});

test('what comes later is added; an object of somebody else, and one that went away, are their affair', async () => {
  const [first] = [await upload(saidLines(3, hour(1)), 1)];
  await write();
  const late = await upload(saidLines(3, hour(2)), 2);
  await putLines(store, directory.path, saidLines(3, hour(3)), { instance: 'other' });
  await store.remove(first!, never);
  await write();
  expect((await manifest(2)).objects.map(({ key }) => key)).toEqual([first, late]);
  await write();
  expect(await names()).toHaveLength(2);
});

test('what is known locally may be lost: then the objects are read', async () => {
  const lines = [...saidLines(3, hour(1)), gapLine(hour(1), hour(2))];
  await upload(lines, 1);
  await upload([gapLine(hour(4), hour(5))], 4);
  await emptyUploadedFacts(spool);
  await appendFile(spool.path('state', 'manifests/2026-11-20_twitch.jsonl'), '{"object":{"key":"2026');
  await write();
  expect(await manifest(1)).toMatchObject({ totals: { objects: 2, lines: 5 }, gaps: [{}, {}] });
});

test('a day stays due where storage fails, and where something came while its manifest was written', async () => {
  await upload(saidLines(3, hour(1)), 1);
  const { put } = store;
  const broken = new Proxy(store, {
    get: (target, name: keyof ObjectStore) =>
      name === 'put' ? () => Promise.reject(new Error('no storage')) : target[name],
  });
  const options = {
    uploaded,
    instance: 'one',
    scratch: spool.path('tmp'),
    log: memoryLogger(),
    now: () => hour(28),
  };
  await expect(writeDueManifests({ ...options, store: broken }, never)).rejects.toThrow('no storage');
  expect(await uploaded.days()).toEqual([DAY]);
  let isFirst = true;
  const slow = new Proxy(store, {
    get: (target, name: keyof ObjectStore) => {
      if (name !== 'put') return target[name];
      return async (...parts: Parameters<typeof put>) => {
        if (isFirst) {
          isFirst = false;
          await upload(saidLines(3, hour(2)), 2);
        }
        return put(...parts);
      };
    },
  });
  await writeDueManifests({ ...options, store: slow }, never);
  expect(await uploaded.days()).toEqual([DAY]);
  await write();
  expect((await manifest(2)).objects).toHaveLength(2);
});
