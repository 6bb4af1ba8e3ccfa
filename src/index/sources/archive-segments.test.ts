import { createHash } from 'node:crypto';
import { readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openDatabase } from '../../../test/support/databases.ts';
import { indexContents } from '../../../test/support/index-contents.ts';
import { indexModel } from '../../../test/support/index-model.ts';
import {
  bytesOf,
  CHAT_START_MS,
  indexedChat,
  putBare,
  segmentNamed,
} from '../../../test/support/indexed-chat.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { memoryLogger, writeObjectBody } from '../../../test/support/segments.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { configSchema } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { OPEN_GATE } from '../../privacy/privacy-gate.ts';
import { objectKey } from '../../segment-name.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { Loader } from '../loader.ts';
import { ArchiveSegments } from './archive-segments.ts';

const never = new AbortController().signal;
const config = configSchema.parse({ defaults: { retention_days: 'forever' } });

/** Counts what is asked of a store; `get` can be made to fail. */
function watched(store: ObjectStore) {
  const asked = { heads: 0, gets: [] as string[], failing: (_key: string) => false };
  const overrides: Partial<ObjectStore> = {
    head: (key, signal) => {
      asked.heads++;
      return store.head(key, signal);
    },
    get: (key, signal) => {
      asked.gets.push(key);
      if (asked.failing(key)) throw new ChatlogError('storage_unavailable', 'no', { retryable: true });
      return store.get(key, signal);
    },
  };
  const watching = new Proxy(store, {
    get(target, property: keyof ObjectStore) {
      const value = overrides[property] ?? target[property];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { asked, store: watching };
}

async function openArchive() {
  const directory = await tempDir('archive');
  const archive = directory.join('archive');
  const database = await openDatabase('PostgreSQL 15');
  const { asked, store } = watched(await createDirectoryObjectStore(archive));
  const log = memoryLogger();
  const loader = new Loader({
    database,
    config: () => config,
    privacy: OPEN_GATE,
    log: silentLog,
    now: Date.now,
  });
  const start = (linesMax = 5_000) =>
    new ArchiveSegments({
      ...{ store, database, linesMax, log, now: Date.now },
      load: (chunks, signal) => loader.load(chunks, signal),
    });
  const put = async (file: string, lines: Buffer) => {
    const body = await writeObjectBody(directory.join(file), lines, !/\.(zst|gz)$/.test(file));
    expect(await store.put(objectKey(file)!, body, never)).toBe('created');
  };
  return {
    ...{ archive, database, asked, store, log, loader, start, put },
    ledger: async () =>
      (await database.read((session) => session.query('SELECT * FROM segments ORDER BY source, name'))).rows,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

test('loads what lies in storage, and nothing of it a second time', async () => {
  await using archive = await openArchive();
  const { database, asked, loader } = archive;
  const ann = indexedChat({ channel: 'ann', lines: 700 });
  const bob = indexedChat({ channel: 'bob', lines: 50 });
  await archive.put(segmentNamed('ann', CHAT_START_MS, '', 'zstd'), bytesOf(ann));
  await archive.put(segmentNamed('bob'), bytesOf(bob));
  expect(await archive.start(100).scan({}, never)).toMatchObject({ segments: 2, loaded: 2, failed: 0 });
  await loader.derive();
  expect(await indexContents(database)).toEqual(indexModel([ann, bob]));
  expect(await archive.ledger()).toMatchObject([
    { source: 'archive', name: segmentNamed('ann'), complete: true, lines: 700, instance: 'test' },
    {
      source: 'archive',
      name: segmentNamed('bob'),
      complete: true,
      object_key: objectKey(segmentNamed('bob')),
    },
  ]);
  const { heads, gets } = structuredClone({ heads: asked.heads, gets: asked.gets });
  expect(await archive.start().scan({}, never)).toMatchObject({ segments: 2, loaded: 0 });
  expect([asked.heads, asked.gets]).toEqual([heads, gets]);
});

test('reads no object whose lines came from the local disk, and notes where it lies', async () => {
  await using archive = await openArchive();
  const lines = indexedChat({ channel: 'ann', lines: 40 });
  const bytes = bytesOf(lines);
  const linesSha256 = createHash('sha256').update(bytes).digest('hex');
  await archive.loader.load([
    {
      ...{ source: 'local:1', name: 'x', platform: 'twitch', channel: 'ann', startMs: CHAT_START_MS },
      ...{
        fromByte: 0,
        toByte: bytes.length,
        lines: lines.map((line) => Buffer.from(line)),
        end: { linesSha256 },
      },
    },
  ]);
  const file = segmentNamed('ann', CHAT_START_MS, '-2', 'zstd');
  await archive.put(file, bytes);
  expect(await archive.start().scan({}, never)).toMatchObject({ segments: 1, loaded: 0, failed: 0 });
  expect(archive.asked.gets).toEqual([]);
  const [row] = await archive.ledger();
  const { timestamp } = JSON.parse(lines[0]!);
  expect(row).toMatchObject({
    complete: true,
    object_key: objectKey(file),
    lines: 40,
    first_ts: new Date(timestamp),
    lines_sha256: linesSha256,
  });
});

test('goes on within an object where the last run ended', async () => {
  await using archive = await openArchive();
  const lines = indexedChat({ channel: 'ann', lines: 1_200 });
  await archive.put(segmentNamed('ann', CHAT_START_MS, '', 'zstd'), bytesOf(lines));
  const stop = new AbortController();
  const { loader, store, database } = archive;
  const first = new ArchiveSegments({
    ...{ store, database, linesMax: 500, log: silentLog, now: Date.now },
    load: async (chunks, signal) => {
      const outcome = await loader.load(chunks, signal);
      stop.abort(new Error('enough'));
      return outcome;
    },
  });
  await expect(first.scan({}, stop.signal)).rejects.toThrow('enough');
  const [begun] = await archive.ledger();
  expect(begun).toMatchObject({ complete: false });
  expect(await archive.start().scan({}, never)).toMatchObject({ loaded: 1 });
  const [row] = await archive.ledger();
  expect(row).toMatchObject({ complete: true, lines: 1_200 });
  await loader.derive();
  expect(await indexContents(database)).toEqual(indexModel([lines]));
});

test('reports damaged objects, once a day, and takes the others, also those without metadata', async () => {
  await using archive = await openArchive();
  const good = indexedChat({ channel: 'good', lines: 20 });
  const bare = indexedChat({ channel: 'bare', lines: 20 });
  const torn = segmentNamed('torn', CHAT_START_MS, '', 'zstd');
  const other = segmentNamed('other');
  await archive.put(segmentNamed('good'), bytesOf(good));
  await putBare(
    archive.archive,
    segmentNamed('bare', CHAT_START_MS, '', 'zstd'),
    zstdCompressSync(bytesOf(bare)),
  );
  await archive.put(torn, bytesOf(indexedChat({ channel: 'torn', lines: 500 })));
  await archive.put(other, bytesOf(indexedChat({ channel: 'other', lines: 5 })));
  const path = join(archive.archive, objectKey(torn)!);
  const bytes = await readFile(path);
  await unlink(path);
  await writeFile(path, bytes.subarray(0, bytes.length / 2));
  const otherPath = join(archive.archive, objectKey(other)!);
  await unlink(otherPath);
  await writeFile(otherPath, bytesOf(indexedChat({ channel: 'other', lines: 5, seed: 'not these' })));
  const segments = archive.start();
  expect(await segments.scan({}, never)).toMatchObject({ segments: 4, loaded: 2, failed: 2 });
  const errors = archive.log.lines.filter(({ level }) => level === 'error');
  expect(errors.map(({ fields }) => fields.key).sort()).toEqual([objectKey(other), objectKey(torn)].sort());
  const complete = (await archive.ledger()).filter((row) => row.complete);
  expect(complete.map(({ name }) => name)).toEqual([segmentNamed('bare'), segmentNamed('good')]);
  expect(await segments.scan({}, never)).toMatchObject({ failed: 2 });
  expect(archive.log.lines.filter(({ level }) => level === 'error')).toHaveLength(2);
});

test('keeps apart two objects whose keys differ in their compression alone', async () => {
  await using archive = await openArchive();
  const one = indexedChat({ channel: 'ann', lines: 20, seed: 'one ' });
  const two = indexedChat({ channel: 'ann', lines: 20, seed: 'two ' });
  await archive.put(segmentNamed('ann'), bytesOf(one));
  await archive.put(segmentNamed('ann', CHAT_START_MS, '', 'zstd'), bytesOf(two));
  for (const loaded of [2, 0])
    expect(await archive.start().scan({}, never)).toMatchObject({ segments: 2, loaded });
  await archive.loader.derive();
  expect(await indexContents(archive.database)).toEqual(indexModel([one, two]));
});

test('gives a scan up where the storage does not answer, and loses nothing by it', async () => {
  await using archive = await openArchive();
  const all = Array.from({ length: 12 }, (_, hour) => indexedChat({ channel: `c${hour}`, lines: 10 }));
  for (const [hour, lines] of all.entries()) await archive.put(segmentNamed(`c${hour}`), bytesOf(lines));
  archive.asked.failing = () => true;
  const segments = archive.start();
  await expect(segments.scan({}, never)).rejects.toMatchObject({ code: 'storage_unavailable' });
  expect(archive.asked.gets.length).toBeLessThan(8);
  archive.asked.failing = () => false;
  expect(await segments.scan({}, never)).toMatchObject({ loaded: 12, failed: 0 });
});
