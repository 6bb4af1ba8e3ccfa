import { mkdir, readdir, readFile, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { collect, type LogLine, memoryLogger, sampleLines } from '../../test/support/segments.ts';
import { type TempDir, tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type Config, configSchema } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import { objectKey } from '../segment-name.ts';
import { openSpool, type Spool } from '../spool.ts';
import { createDirectoryObjectStore } from '../storage/directory-object-store.ts';
import type { ObjectBody, ObjectStore, PutOutcome } from '../storage/object-store.ts';
import { describeSegment } from './describe-segment.ts';
import { createUploader, type Uploader, type UploaderOptions } from './uploader.ts';

const never = new AbortController().signal;
const hour = (index: number, channel = 'xqc') =>
  `twitch_${channel}_202611${String(1 + Math.floor(index / 24)).padStart(2, '0')}_${String(index % 24).padStart(2, '0')}00.jsonl`;

interface Bench extends AsyncDisposable {
  directory: TempDir;
  spool: Spool;
  store: ObjectStore;
  log: LogLine[];
  /** Starts (another) uploader over the same spool. */
  start(overrides?: Partial<UploaderOptions> & { upload?: object; recorder?: object }): Running;
  seal(file: string, bytes: Uint8Array): Promise<void>;
  ls(directory: 'sealed' | 'uploaded' | 'quarantine' | 'tmp'): Promise<string[]>;
  keys(): Promise<string[]>;
  lines(key: string): Promise<Buffer>;
}

interface Running {
  uploader: Uploader;
  stop(): Promise<void>;
}

const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.stop()));
});

async function bench(): Promise<Bench> {
  const directory = await tempDir('uploader');
  const spool = await openSpool(directory.join('spool'));
  const store = await createDirectoryObjectStore(directory.join('archive'));
  const log = memoryLogger();
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of store.list('', never)) found.push(key);
    return found;
  };
  return {
    directory,
    spool,
    store,
    log: log.lines,
    keys,
    start: ({ upload, recorder, ...overrides } = {}) => {
      const config: Config = configSchema.parse({
        upload: { backoff: { min_seconds: 0.02, max_seconds: 0.1 }, ...upload },
        recorder: { min_free_bytes: 0, ...recorder },
      });
      const options = { spool, store, config, log, now: Date.now, mayDelete: () => true, pollMs: 200 };
      const uploader = createUploader({ ...options, ...overrides });
      const stopping = new AbortController();
      const done = uploader.run(stopping.signal);
      // A defect shows when the test stops it.
      done.catch(() => {});
      const one = {
        uploader,
        stop: async () => {
          stopping.abort(new Error('the test is over'));
          await done;
        },
      };
      running.push(one);
      return one;
    },
    seal: async (file, bytes) => {
      await writeFile(join(directory.path, 'half'), bytes);
      await rename(join(directory.path, 'half'), spool.path('sealed', file));
    },
    ls: async (name) => (await readdir(spool.path(name))).sort(),
    lines: async (key) => {
      const bytes = await collect(store.get(key, never));
      if (key.endsWith('.zst')) return zstdDecompressSync(bytes);
      return key.endsWith('.gz') ? gunzipSync(bytes) : bytes;
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** The store with some calls replaced. */
function wrap(store: ObjectStore, changes: Partial<ObjectStore>): ObjectStore {
  return {
    name: store.name,
    put: (...args) => store.put(...args),
    replace: (...args) => store.replace(...args),
    remove: (...args) => store.remove(...args),
    head: (...args) => store.head(...args),
    open: (...args) => store.open(...args),
    overwrite: (...args) => store.overwrite(...args),
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    check: (...args) => store.check(...args),
    close: () => store.close(),
    ...changes,
  };
}

const unreachable = () =>
  new ChatlogError('unreachable', 'no network', { retryable: true, hint: 'plug it in' });

test('a sealed segment becomes a compressed, verified object under its key, and leaves the disk', async () => {
  await using it = await bench();
  const lines = sampleLines(1000);
  await it.seal(hour(0), lines);
  const { uploader } = it.start();
  await waitFor('the upload', () => uploader.status().uploaded === 1);
  const key = `2026/11/01/twitch/xqc/${hour(0)}.zst`;
  expect(await it.keys()).toEqual([key]);
  expect((await it.lines(key)).equals(lines)).toBe(true);
  expect((await it.store.head(key, never))?.description).toMatchObject({
    lines: 1000,
    linesBytes: lines.length,
    firstTimestamp: '2026-11-21T13:00:00.000Z',
    lastTimestamp: '2026-11-21T13:00:06.993Z',
    formatVersion: 1,
  });
  await waitFor(
    'an empty spool',
    async () => (await it.ls('uploaded')).length + (await it.ls('sealed')).length === 0,
  );
});

test('a segment that is sealed later goes up at the nudge', async () => {
  await using it = await bench();
  const { uploader } = it.start({ pollMs: 600_000 });
  await it.seal(hour(0), sampleLines(3));
  uploader.nudge();
  await waitFor('the upload', () => uploader.status().uploaded === 1);
});

test.each(['gzip', 'none'] as const)('compression %s is as configured', async (compression) => {
  await using it = await bench();
  const lines = sampleLines(100);
  await it.seal(hour(0), lines);
  const { uploader } = it.start({ recorder: { compression } });
  await waitFor('the upload', () => uploader.status().uploaded === 1);
  const key = `2026/11/01/twitch/xqc/${hour(0)}${compression === 'gzip' ? '.gz' : ''}`;
  expect(await it.keys()).toEqual([key]);
  expect((await it.lines(key)).equals(lines)).toBe(true);
});

test('where other lines hold the key, both segments are in the archive, and doing it again changes nothing', async () => {
  await using it = await bench();
  const [first, second] = [sampleLines(30, 'first'), sampleLines(40, 'second')];
  await it.seal(hour(0), first);
  const one = it.start();
  await waitFor('the first', () => one.uploader.status().uploaded === 1);
  for (let round = 2; round <= 3; round++) {
    await it.seal(hour(0), second);
    one.uploader.nudge();
    await waitFor('the second', () => one.uploader.status().uploaded === round);
  }
  const keys = await it.keys();
  expect(keys).toHaveLength(2);
  const contents = await Promise.all(keys.map((key) => it.lines(key)));
  expect(contents.map((bytes) => bytes.length).sort()).toEqual([first.length, second.length].sort());
  expect(keys.some((key) => /_0000-[0-9a-f]{8}\.jsonl\.zst$/.test(key))).toBe(true);
});

test('files that are not segments, and damaged ones, go to quarantine and stop nothing', async () => {
  await using it = await bench();
  const damaged = zstdCompressSync(sampleLines(1000)).subarray(0, 2000);
  await it.seal('notes.txt', Buffer.from('mine'));
  await it.seal('twitch_xqc_20269999_9900.jsonl', Buffer.from('{}\n'));
  await it.seal(`${hour(3)}.zst`, damaged);
  await it.seal(`${hour(4)}.gz`, Buffer.from('this is no gzip'));
  await mkdir(it.spool.path('sealed', hour(5)));
  await it.seal(hour(0), sampleLines(3));
  const { uploader } = it.start();
  await waitFor('the upload', () => uploader.status().uploaded === 1);
  const expected = [
    'notes.txt',
    hour(5),
    'twitch_xqc_20269999_9900.jsonl',
    `${hour(3)}.zst`,
    `${hour(4)}.gz`,
  ];
  await waitFor('five in quarantine', async () => (await it.ls('quarantine')).length === 5);
  expect(await it.ls('quarantine')).toEqual(expected.sort());
  expect(await readFile(it.spool.path('quarantine', 'notes.txt'), 'utf8')).toBe('mine');
  expect((await readFile(it.spool.path('quarantine', `${hour(3)}.zst`))).equals(damaged)).toBe(true);
  await waitFor('the count', () => uploader.status().quarantinedFiles === 5);
  expect(it.log.filter(({ level }) => level === 'error')).toHaveLength(5);
});

test('what cannot be put into quarantine stops nothing', async () => {
  await using it = await bench();
  await rm(it.spool.path('quarantine'), { recursive: true });
  await writeFile(it.spool.path('quarantine'), 'in the way');
  await writeFile(it.spool.path('sealed', 'a-note.txt'), 'mine');
  await writeFile(it.spool.path('sealed', 'z-note.txt'), 'mine');
  await it.seal(`${hour(3)}.zst`, Buffer.from('damaged'));
  for (const index of [1, 2, 4]) await it.seal(hour(index), sampleLines(5, String(index)));
  it.start();
  await waitFor('the others', async () => (await it.keys()).length === 3);
  await waitFor('only those that stay', async () => (await it.ls('sealed')).length === 3);
  expect(await it.ls('sealed')).toEqual(['a-note.txt', `${hour(3)}.zst`, 'z-note.txt'].sort());
});

test('what is in quarantine is not replaced by another file of that name', async () => {
  await using it = await bench();
  await writeFile(it.spool.path('quarantine', 'x.txt'), 'first');
  await it.seal('x.txt', Buffer.from('second'));
  it.start();
  await waitFor('the move', async () => (await it.ls('quarantine')).length === 2);
  expect(await readFile(it.spool.path('quarantine', 'x.txt'), 'utf8')).toBe('first');
  expect(await readFile(it.spool.path('quarantine', 'x.txt.1'), 'utf8')).toBe('second');
});

test('a storage that is down is tried by one upload at a time, and all go up once it is back', async () => {
  await using it = await bench();
  for (let index = 0; index < 20; index++) await it.seal(hour(index), sampleLines(5, String(index)));
  let isDown = true;
  let [puts, atOnce, peakWhileClosed] = [0, 0, 0];
  const put = async (key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> => {
    puts++;
    atOnce++;
    // The lanes that were already under way when the gate closed do not count.
    if (isDown && puts > 4) peakWhileClosed = Math.max(peakWhileClosed, atOnce);
    try {
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (isDown) throw unreachable();
      return await it.store.put(key, body, signal);
    } finally {
      atOnce--;
    }
  };
  const { uploader } = it.start({
    store: wrap(it.store, { put }),
    upload: { concurrency: 4, backoff: { min_seconds: 0.02, max_seconds: 0.1 } },
  });
  await waitFor('some probes', () => puts >= 12);
  expect(peakWhileClosed).toBe(1);
  expect(uploader.status()).toMatchObject({ uploaded: 0, lastError: 'no network (plug it in)' });
  isDown = false;
  await waitFor('all of them', () => uploader.status().uploaded === 20);
  expect(await it.keys()).toHaveLength(20);
  expect(uploader.status().lastError).toBeUndefined();
  const told = it.log.filter(({ message }) => message.startsWith('an upload failed'));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ level: 'warn', fields: { code: 'unreachable', hint: 'plug it in' } });
  expect(it.log.filter(({ message }) => message === 'uploads work again')).toHaveLength(1);
});

test('while the storage is down, segments are compressed all the same', async () => {
  await using it = await bench();
  const put = () => Promise.reject(unreachable());
  it.start({ store: wrap(it.store, { put }) });
  for (let index = 0; index < 5; index++) await it.seal(hour(index), sampleLines(50));
  await waitFor('five compressed', async () => {
    const sealed = await it.ls('sealed');
    return sealed.length === 5 && sealed.every((file) => file.endsWith('.zst'));
  });
});

test('one object that is refused blocks no other', async () => {
  await using it = await bench();
  for (let index = 0; index < 10; index++) await it.seal(hour(index), sampleLines(5, String(index)));
  const bad = hour(0);
  const put = (key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> =>
    key.includes(bad) ? Promise.reject(unreachable()) : it.store.put(key, body, signal);
  const { uploader } = it.start({
    store: wrap(it.store, { put }),
    upload: { concurrency: 1, backoff: { min_seconds: 0.02, max_seconds: 0.1 } },
  });
  await waitFor('nine', () => uploader.status().uploaded === 9);
  await waitFor('it is still tried', () => uploader.status().failedAttempts >= 3);
  expect(await it.ls('sealed')).toEqual([`${bad}.zst`]);
});

test('a segment is not let go when the storage does not show what it confirmed', async () => {
  await using it = await bench();
  await it.seal(hour(0), sampleLines(5));
  let lies = true;
  const put = (key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> =>
    lies ? Promise.resolve('created') : it.store.put(key, body, signal);
  const { uploader } = it.start({ store: wrap(it.store, { put }) });
  await waitFor('refusals', () => uploader.status().failedAttempts >= 2);
  expect(await it.ls('sealed')).toEqual([`${hour(0)}.zst`]);
  expect(await it.ls('uploaded')).toEqual([]);
  lies = false;
  await waitFor('the upload', () => uploader.status().uploaded === 1);
});

test('live segments go up while a backlog drains oldest first', async () => {
  await using it = await bench();
  const backlog = Array.from({ length: 30 }, (_, index) => hour(index));
  for (const file of backlog) await it.seal(file, sampleLines(2, file));
  const order: string[] = [];
  let uploader: Uploader | undefined;
  const put = async (key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> => {
    order.push(key.slice(key.lastIndexOf('/') + 1));
    if (order.length === 10) {
      await it.seal(hour(100, 'live'), sampleLines(2, 'live'));
      uploader?.nudge();
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
    return it.store.put(key, body, signal);
  };
  const compressed = backlog.map((file) => `${file}.zst`);
  for (const file of backlog) {
    await writeFile(
      it.spool.path('sealed', `${file}.zst`),
      zstdCompressSync(await readFile(it.spool.path('sealed', file))),
    );
    await unlink(it.spool.path('sealed', file));
  }
  ({ uploader } = it.start({ store: wrap(it.store, { put }), upload: { concurrency: 2 } }));
  await waitFor('all', () => uploader?.status().uploaded === 31);
  expect(order.slice(0, 2).sort()).toEqual([compressed[0], compressed.at(-1)].sort());
  const live = order.indexOf(`${hour(100, 'live')}.zst`);
  expect(live).toBeGreaterThan(0);
  expect(live).toBeLessThan(25);
  const fromTheOldEnd = order.filter(
    (file) => compressed.indexOf(file) >= 0 && compressed.indexOf(file) < 10,
  );
  expect(fromTheOldEnd).toEqual(compressed.slice(0, 10));
});

test('verified segments stay for keep_local_hours, and as long as something needs them', async () => {
  await using it = await bench();
  let [nowMs, needed] = [Date.now(), true];
  await it.seal(hour(0), sampleLines(5));
  const { uploader } = it.start({
    recorder: { keep_local_hours: 2 },
    now: () => nowMs,
    mayDelete: () => !needed,
    pollMs: 20,
  });
  await waitFor('the upload', () => uploader.status().uploaded === 1);
  nowMs += 3 * 3_600_000;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await it.ls('uploaded')).toEqual([`${hour(0)}.zst`]);
  nowMs -= 2 * 3_600_000;
  needed = false;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await it.ls('uploaded')).toEqual([`${hour(0)}.zst`]);
  nowMs += 2 * 3_600_000;
  await waitFor('its removal', async () => (await it.ls('uploaded')).length === 0);
});

test('on a full disk verified segments go at once and plain segments go up as they are', async () => {
  await using it = await bench();
  await writeFile(it.spool.path('uploaded', `${hour(9)}.zst`), 'verified');
  const lines = sampleLines(50);
  await it.seal(hour(0), lines);
  const { uploader } = it.start({
    recorder: { min_free_bytes: 1000, keep_local_hours: 100 },
    mayDelete: () => false,
    freeBytes: async () => 500,
    pollMs: 20,
  });
  await waitFor('the upload', () => uploader.status().uploaded === 1);
  await waitFor('their removal', async () => (await it.ls('uploaded')).length === 0);
  expect(await it.keys()).toEqual([`2026/11/01/twitch/xqc/${hour(0)}`]);
  expect((await it.lines((await it.keys())[0]!)).equals(lines)).toBe(true);
});

test('a plain segment that was offered to the storage is never compressed into a second object', async () => {
  await using it = await bench();
  await it.seal(hour(0), sampleLines(50));
  const put = async (key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> => {
    await it.store.put(key, body, signal);
    throw unreachable();
  };
  const first = it.start({ store: wrap(it.store, { put }), freeBytes: async () => 0 });
  await waitFor('the lost reply', () => first.uploader.status().failedAttempts > 0);
  await first.stop();
  const second = it.start();
  await waitFor('the upload', () => second.uploader.status().uploaded === 1);
  expect(await it.keys()).toEqual([`2026/11/01/twitch/xqc/${hour(0)}`]);
});

test('what a crash left half-done is finished: two copies, a damaged copy, temporary files', async () => {
  await using it = await bench();
  const [both, damaged] = [sampleLines(50, 'both'), sampleLines(50, 'damaged')];
  await it.seal(hour(0), both);
  await it.seal(`${hour(0)}.zst`, zstdCompressSync(both));
  await it.seal(hour(1), damaged);
  await it.seal(`${hour(1)}.zst`, zstdCompressSync(damaged).subarray(0, 100));
  await it.seal(hour(2), sampleLines(50, 'plain'));
  await it.seal(`${hour(2)}.gz`, gzipSync(sampleLines(50, 'other lines')));
  await writeFile(it.spool.path('tmp', `${hour(1)}.zst`), 'half');
  const { uploader } = it.start();
  await waitFor('four objects', () => uploader.status().uploaded === 4);
  const keys = await it.keys();
  expect(keys).toHaveLength(4);
  expect((await it.lines(`2026/11/01/twitch/xqc/${hour(0)}.zst`)).equals(both)).toBe(true);
  expect((await it.lines(`2026/11/01/twitch/xqc/${hour(1)}.zst`)).equals(damaged)).toBe(true);
  expect(await it.ls('tmp')).toEqual([]);
  expect(await it.ls('quarantine')).toEqual([]);
});

test('a backlog larger than the work list goes up completely', async () => {
  await using it = await bench();
  const count = 2500;
  const body = zstdCompressSync(sampleLines(1));
  for (let index = 0; index < count; index++) {
    await writeFile(it.spool.path('sealed', `${hour(index % 480, `c${Math.floor(index / 480)}`)}.zst`), body);
  }
  const put = async (): Promise<PutOutcome> => 'created';

  const path = it.spool.path('sealed', `${hour(0, 'c0')}.zst`);
  const known = await describeSegment(path, 'zstd', { formatVersion: 1, instance: '' }, never);
  const head = async () => ({ bytes: known.objectBytes, description: known });
  const { uploader } = it.start({ store: wrap(it.store, { put, head }), upload: { concurrency: 4 } });
  await waitFor('all', () => uploader.status().uploaded === count, { timeoutMs: 60_000 });
  expect(await it.ls('sealed')).toEqual([]);
}, 90_000);

test('the status counts what lies in the spool and since when', async () => {
  await using it = await bench();
  const put = () => Promise.reject(unreachable());
  await it.seal(`${hour(0)}.zst`, zstdCompressSync(sampleLines(5)));
  await it.seal(`${hour(1)}.zst`, zstdCompressSync(sampleLines(5)));
  const oldest = new Date('2026-11-01T01:00:00Z');
  await utimes(it.spool.path('sealed', `${hour(0)}.zst`), oldest, oldest);
  await writeFile(it.spool.path('uploaded', `${hour(2)}.zst`), 'x');
  const { uploader } = it.start({ store: wrap(it.store, { put }), mayDelete: () => false });
  const { size } = await stat(it.spool.path('sealed', `${hour(0)}.zst`));
  await waitFor('the count', () => uploader.status().sealedFiles === 2);
  expect(uploader.status()).toMatchObject({
    sealedBytes: 2 * size,
    uploadedFiles: 1,
    oldestNotUploadedMs: oldest.getTime(),
    uploaded: 0,
    stalled: false,
  });
});

test('an upload that hangs without an outcome counts as stalled', async () => {
  await using it = await bench();
  await it.seal(hour(0), sampleLines(5));
  let nowMs = 0;
  const put = () => new Promise<PutOutcome>(() => {});
  const { uploader } = it.start({ store: wrap(it.store, { put }), monotonic: () => nowMs, pollMs: 20 });
  await waitFor('the hanging upload', () => uploader.status().inFlight === 1);
  expect(uploader.status().stalled).toBe(false);
  nowMs = 31 * 60_000;
  expect(uploader.status().stalled).toBe(true);
});

test('an abort ends even a hanging upload at once, and the next start takes it up', async () => {
  await using it = await bench();
  await it.seal(hour(0), sampleLines(5));
  const put = () => new Promise<PutOutcome>(() => {});
  const first = it.start({ store: wrap(it.store, { put }) });
  await waitFor('the hanging upload', () => first.uploader.status().inFlight === 1);
  await first.stop();
  const second = it.start();
  await waitFor('the upload', () => second.uploader.status().uploaded === 1);
  expect(await it.keys()).toEqual([`2026/11/01/twitch/xqc/${objectKey(hour(0))!.split('/').at(-1)}.zst`]);
});

test('a defect in what the uploader is given ends it with that error', async () => {
  await using it = await bench();
  await it.seal(hour(0), sampleLines(5));
  const log = {
    ...memoryLogger(),
    warn: () => {
      throw new TypeError('the logger is broken');
    },
  };
  const uploader = createUploader({
    spool: it.spool,
    store: wrap(it.store, { put: () => Promise.reject(unreachable()) }),
    config: configSchema.parse({}),
    log,
    now: Date.now,
    mayDelete: () => true,
  });
  await expect(uploader.run(never)).rejects.toThrow('the logger is broken');
});
