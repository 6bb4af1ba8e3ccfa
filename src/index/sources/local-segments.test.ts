import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { indexContents } from '../../../test/support/index-contents.ts';
import { indexModel } from '../../../test/support/index-model.ts';
import { bytesOf, CHAT_START_MS, indexedChat, segmentNamed } from '../../../test/support/indexed-chat.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { memoryLogger, sha256 } from '../../../test/support/segments.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { configSchema } from '../../config/schema.ts';
import { OPEN_GATE } from '../../privacy/privacy-gate.ts';
import { openSpool, type Spool } from '../../spool.ts';
import { Loader, type SegmentChunk } from '../loader.ts';
import { LocalSegments } from './local-segments.ts';

const never = new AbortController().signal;
const config = configSchema.parse({ defaults: { retention_days: 'forever' } });

interface Follower extends AsyncDisposable {
  spool: Spool;
  database: TestDatabase;
  segments: LocalSegments;
  /** Of each transaction: its chunks. */
  loads: (readonly SegmentChunk[])[];
  log: ReturnType<typeof memoryLogger>;
  /** A new process with the same ledger. */
  restart(): void;
  /** Looks until nothing is left. */
  catchUp(): Promise<void>;
  /** Rows of the ledger. */
  ledger(): Promise<Record<string, unknown>[]>;
  texts(): Promise<string[]>;
}

async function follow(linesMax = 5_000): Promise<Follower> {
  const directory = await tempDir('follow');
  const spool = await openSpool(directory.path);
  const database = await openDatabase('PostgreSQL 15');
  const log = memoryLogger();
  const loads: (readonly SegmentChunk[])[] = [];
  const start = () => {
    const loader = new Loader({
      database,
      config: () => config,
      privacy: OPEN_GATE,
      log: silentLog,
      now: Date.now,
    });
    const load = (chunks: readonly SegmentChunk[]) => {
      loads.push(chunks);
      return loader.load(chunks);
    };
    return new LocalSegments({ spool, database, load, linesMax, log, now: Date.now });
  };
  const rows = async (sql: string) => (await database.read((session) => session.query(sql))).rows;
  const follower: Follower = {
    ...{ spool, database, loads, log },
    segments: start(),
    restart: () => {
      follower.segments = start();
    },
    async catchUp() {
      while (!(await follower.segments.poll(never)));
    },
    ledger: () => rows('SELECT * FROM segments ORDER BY name'),
    texts: async () =>
      (await rows('SELECT text FROM messages WHERE type = 0 ORDER BY ts')).map(({ text }) => text as string),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
  return follower;
}

const FILE = segmentNamed('ann');

test('follows a file from its first line through sealing, compression and upload, each line once', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const lines = indexedChat({ channel: 'ann', lines: 300 });
  const bytes = bytesOf(lines);
  // Cut anywhere, also within a line and within a letter.
  for (let at = 0; at < bytes.length; at += 9_973) {
    await appendFile(spool.path('open', FILE), bytes.subarray(at, at + 9_973));
    await follower.catchUp();
  }
  await follower.catchUp();
  expect(await follower.ledger()).toMatchObject([{ bytes: bytes.length, lines: 300, complete: false }]);
  await rename(spool.path('open', FILE), spool.path('sealed', FILE));
  await follower.catchUp();
  await writeFile(spool.path('sealed', `${FILE}.zst`), zstdCompressSync(bytes));
  await follower.catchUp();
  await rm(spool.path('sealed', FILE));
  await rename(spool.path('sealed', `${FILE}.zst`), spool.path('uploaded', `${FILE}.zst`));
  await follower.catchUp();
  expect(await follower.ledger()).toMatchObject([
    {
      bytes: bytes.length,
      lines: 300,
      complete: true,
      lines_sha256: sha256(bytes),
      source: expect.stringMatching(/^local:/),
    },
  ]);
  await expectModel(follower, [lines]);
});

test('tells of what left the disk before it was read to its end', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const lines = bytesOf(indexedChat({ channel: 'ann', lines: 20 }));
  await writeFile(spool.path('open', FILE), lines);
  await follower.catchUp();
  await rename(spool.path('open', FILE), spool.path('sealed', FILE));
  await follower.catchUp();
  await rm(spool.path('sealed', FILE));
  await follower.catchUp();
  expect(follower.segments.takeLeft()).toBe(undefined);
  await writeFile(spool.path('open', FILE), lines);
  await follower.catchUp();
  // Sealed, uploaded and deleted between two looks.
  await rm(spool.path('open', FILE));
  await follower.catchUp();
  const hourMs = Math.floor(CHAT_START_MS / 3_600_000) * 3_600_000;
  expect(follower.segments.takeLeft()).toBe(hourMs);
  expect(follower.segments.takeLeft()).toBe(undefined);
});

test.each(['none', 'zstd', 'gzip'] as const)(
  'takes a sealed file as it lies there: %s',
  async (compression) => {
    await using follower = await follow(100);
    const lines = indexedChat({ channel: 'ann', lines: 1_000 });
    const { gzipSync } = await import('node:zlib');
    const pack = { none: (bytes: Buffer) => bytes, zstd: zstdCompressSync, gzip: gzipSync }[compression];
    await writeFile(
      follower.spool.path('sealed', segmentNamed('ann', CHAT_START_MS, '', compression)),
      pack(bytesOf(lines)),
    );
    await follower.catchUp();
    expect(await follower.ledger()).toMatchObject([
      { lines: 1_000, complete: true, lines_sha256: sha256(bytesOf(lines)) },
    ]);
    expect(follower.loads.length).toBeGreaterThan(2);
  },
);

test('goes on where the ledger stands after a restart, whatever became of the file meanwhile', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const bytes = bytesOf(indexedChat({ channel: 'ann', lines: 200 }));
  await writeFile(spool.path('open', FILE), bytes.subarray(0, 20_000));
  await follower.catchUp();
  follower.restart();
  await writeFile(spool.path('sealed', `${FILE}.zst`), zstdCompressSync(bytes));
  await rm(spool.path('open', FILE));
  await follower.catchUp();
  const [first, second] = follower.loads;
  expect(second?.[0]).toMatchObject({ fromByte: first![0]!.toByte, toByte: bytes.length });
  expect(await follower.ledger()).toMatchObject([{ lines: 200, complete: true }]);
});

test('reads a file again that recovery has cut, or taken lines out of', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const lines = indexedChat({ channel: 'ann', lines: 100 });
  const bad = [...lines.slice(0, 50), '\0\0\0\0 not a line', ...lines.slice(50)];
  await writeFile(spool.path('open', FILE), bytesOf(bad));
  await follower.catchUp();
  // As `recover-segments.ts` does: the good part takes the file's place.
  const good = [...lines.slice(0, 50), ...lines.slice(50, 90)];
  await writeFile(spool.path('tmp', FILE), bytesOf(good));
  await rename(spool.path('tmp', FILE), spool.path('sealed', FILE));
  await rm(spool.path('open', FILE));
  await follower.catchUp();
  expect(await follower.ledger()).toMatchObject([
    { complete: true, bytes: bytesOf(good).length, lines_sha256: sha256(bytesOf(good)) },
  ]);
  // What was seen stays, though the file does not have it any more.
  await expectModel(follower, [lines]);
});

test('believes no bytes that are gone from the end of a file', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const bytes = bytesOf(indexedChat({ channel: 'ann', lines: 100 }));
  const whole = bytes.lastIndexOf('\n', bytes.length / 2) + 1;
  await writeFile(spool.path('open', FILE), bytes);
  await follower.catchUp();
  await truncate(spool.path('open', FILE), whole);
  await rename(spool.path('open', FILE), spool.path('recovered', FILE));
  await follower.catchUp();
  await rename(spool.path('recovered', FILE), spool.path('sealed', FILE));
  await follower.catchUp();
  expect(await follower.ledger()).toMatchObject([
    { complete: true, bytes: whole, lines_sha256: sha256(bytes.subarray(0, whole)) },
  ]);
});

test('tells a second file of the same name from the first, which is gone', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const first = indexedChat({ channel: 'ann', lines: 30, seed: 'first ' });
  const second = indexedChat({ channel: 'ann', lines: 60, seed: 'second ' });
  await writeFile(spool.path('sealed', FILE), bytesOf(first));
  await follower.catchUp();
  await rm(spool.path('sealed', FILE));
  await writeFile(spool.path('open', FILE), bytesOf(second));
  await follower.catchUp();
  follower.restart();
  await follower.catchUp();
  expect(await follower.ledger()).toHaveLength(2);
  const texts = await follower.texts();
  expect(texts.filter((text) => text.startsWith('second'))).toHaveLength(messages(second));
  expect(texts).toHaveLength(messages(first) + messages(second));
});

test('reads nothing again of a file that only got another name', async () => {
  await using follower = await follow();
  const { spool, loads } = follower;
  const bytes = bytesOf(indexedChat({ channel: 'ann', lines: 30 }));
  await writeFile(spool.path('sealed', FILE), bytes);
  await follower.catchUp();
  const loadsBefore = loads.length;
  await rename(
    spool.path('sealed', FILE),
    spool.path('sealed', segmentNamed('ann', CHAT_START_MS, `-${sha256(bytes).slice(0, 8)}`)),
  );
  await follower.catchUp();
  expect(loads.length).toBe(loadsBefore);
});

test('takes the lines of hundreds of open files in one transaction', async () => {
  await using follower = await follow();
  for (let channel = 0; channel < 300; channel++) {
    const lines = indexedChat({ channel: `c${channel}`, lines: 3 });
    await writeFile(follower.spool.path('open', segmentNamed(`c${channel}`)), bytesOf(lines));
  }
  await follower.catchUp();
  expect(follower.loads.map((chunks) => chunks.length)).toEqual([300]);
  expect(await follower.texts()).toHaveLength(900);
});

test('names a damaged file, leaves it and takes the others', async () => {
  await using follower = await follow();
  const { spool, log } = follower;
  const good = bytesOf(indexedChat({ channel: 'bob', lines: 10 }));
  await writeFile(
    spool.path('sealed', `${FILE}.zst`),
    zstdCompressSync(Buffer.alloc(100_000, 'x')).subarray(0, 20),
  );
  await writeFile(spool.path('sealed', segmentNamed('bob')), good);
  await follower.catchUp();
  expect(await follower.texts()).toHaveLength(messages(good.toString().trim().split('\n')));
  expect(log.lines).toMatchObject([{ level: 'error', fields: { file: `sealed/${FILE}.zst` } }]);
  await follower.catchUp();
  expect(log.lines).toHaveLength(1);
});

test('shares a ledger with another one that follows the same files', async () => {
  await using follower = await follow();
  const { spool, database } = follower;
  const other = new LocalSegments({
    ...{ spool, database, linesMax: 40, log: silentLog, now: Date.now },
    load: (chunks) =>
      new Loader({ database, config: () => config, privacy: OPEN_GATE, log: silentLog, now: Date.now }).load(
        chunks,
      ),
  });
  const lines = indexedChat({ channel: 'ann', lines: 400 });
  const bytes = bytesOf(lines);
  for (let at = 0; at < bytes.length; at += 20_011) {
    await appendFile(spool.path('open', FILE), bytes.subarray(at, at + 20_011));
    await Promise.all([follower.segments.poll(never), other.poll(never)]);
  }
  await rename(spool.path('open', FILE), spool.path('sealed', FILE));
  await Promise.all([follower.segments.poll(never), other.poll(never)]);
  await follower.catchUp();
  expect(await follower.ledger()).toMatchObject([
    { lines: 400, inserted: 398, complete: true, lines_sha256: sha256(bytes) },
  ]);
  await expectModel(follower, [lines]);
});

test('a line without its end waits while its file is open', async () => {
  await using follower = await follow();
  const { spool } = follower;
  const [line] = indexedChat({ channel: 'ann', lines: 1 });
  await writeFile(spool.path('open', FILE), line!);
  await follower.catchUp();
  expect(follower.loads).toEqual([]);
  await appendFile(spool.path('open', FILE), '\n');
  await follower.catchUp();
  expect(await follower.texts()).toHaveLength(1);
});

async function expectModel({ database }: Follower, segments: readonly (readonly string[])[]): Promise<void> {
  await new Loader({
    database,
    config: () => config,
    privacy: OPEN_GATE,
    log: silentLog,
    now: Date.now,
  }).derive();
  expect(await indexContents(database)).toEqual(indexModel(segments));
}

function messages(lines: readonly string[]): number {
  return lines.filter((line) => !/"type":/.test(line)).length;
}
