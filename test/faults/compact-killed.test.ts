/** Compaction that is killed wherever it is: no message is lost, none is doubled, whoever reads meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPACT_STEPS, type CompactStep } from '../../src/archive/compact/compact-tools.ts';
import { writeManifest } from '../../src/archive/manifest/write-manifest.ts';
import { mergedLines } from '../../src/archive/merge/merged-lines.ts';
import { lineAt } from '../../src/archive/scan/line-batch.ts';
import { Scanner } from '../../src/archive/scan/scanner.ts';
import { WorkerPool } from '../../src/archive/scan/worker-pool.ts';
import { EVERYTHING, selectedDays } from '../../src/archive/selection.ts';
import { verifyArchive } from '../../src/archive/verify/verify-archive.ts';
import { ArchiveReader } from '../../src/archive-query/archive-reader.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { ChatEvent } from '../../src/event.ts';
import { Indexer } from '../../src/index/indexer.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import { readStoredDay } from '../../src/storage/day-sources.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { storedSegment } from '../../src/storage/read-segment.ts';
import { modelLines } from '../support/archive-model.ts';
import { type ArchivedSegment, archiveLines } from '../support/archive-objects.ts';
import { storedSegments } from '../support/compact-world.ts';
import { openDatabase, type TestDatabase } from '../support/databases.ts';
import { contentsChecksum, indexContents } from '../support/index-contents.ts';
import { indexLines, seededRandom } from '../support/index-lines.ts';
import { indexConfig } from '../support/loader-fixture.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { startS3, type TestS3 } from '../support/s3-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import type { CompactChild } from './compact-child.ts';

const HOUR_MS = 3_600_000;
const START = Date.UTC(2026, 8, 29, 21);
const NOW = Date.UTC(2026, 9, 5);
const never = new AbortController().signal;

let s3: TestS3;
let database: TestDatabase;
beforeAll(async () => {
  s3 = await startS3();
  database = await openDatabase('PostgreSQL 15');
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await s3.stop();
});

interface World extends AsyncDisposable {
  store: ObjectStore;
  /** Adds what recorders wrote; it belongs to what has to be there from now on. */
  add(recorders: readonly (readonly string[])[]): Promise<void>;
  /** What has to be there, in the archive's order. */
  model(): string[];
  /** Compacts in another process; whether that was killed. */
  compact(options?: Pick<CompactChild, 'step' | 'at'>, killAfterMs?: number): Promise<boolean>;
}

async function world(kind: 'directory' | 'S3'): Promise<World> {
  const directory = await tempDir('compact-killed');
  const values = kind === 'S3' ? { s3: s3.s3Config(await s3.createBucket()) } : {};
  const { upload, ...config } = configSchema.parse(values);
  const archive = { ...config.archive, directory: directory.join('archive') };
  const storage = { s3: config.s3, archive, upload };
  const store = createObjectStore(storage, silentLog);
  const segments: ArchivedSegment[] = [];
  const compact = async (options: Pick<CompactChild, 'step' | 'at'> = {}, killAfterMs?: number) => {
    const child: CompactChild = { storage, scratch: directory.path, parquet: true, ...options };
    const process = spawn(execPath, [join(import.meta.dirname, 'compact-child.ts'), JSON.stringify(child)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const ended = once(process, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    if (killAfterMs !== undefined) {
      await Promise.race([ended, sleep(killAfterMs)]);
      process.kill('SIGKILL');
    }
    const [code, killed] = await ended;
    if (killed === null) expect(code).toBe(0);
    return killed !== null;
  };
  return {
    store,
    compact,
    add: async (recorders) => void segments.push(...(await archiveLines(store, recorders))),
    model: () => modelLines(segments.map(({ lines }) => lines)),
    [Symbol.asyncDispose]: async () => {
      store.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Two recorders' hours of some channels, over midnight. */
function recorders(seed: number, lines = 50): string[][] {
  const random = seededRandom(seed);
  const all = indexLines({ seed, lines, startMs: START, spanMs: 5 * HOUR_MS }).filter(isNeighbour);
  const copies = all.flatMap((line) => {
    const event = JSON.parse(line) as ChatEvent;
    if (random(2) === 0 || event.received_at === undefined) return [];
    const received_at = new Date(Date.parse(event.received_at) + random(900) - 450).toISOString();
    return [event.id === undefined ? line : JSON.stringify({ ...event, received_at })];
  });
  return [all, copies];
}

/** Lines that are the same in every byte stand beside each other (`identical-lines.ts`). */
function isNeighbour(line: string, index: number, lines: readonly string[]): boolean {
  return lines.indexOf(line) === index || lines[index - 1] === line;
}

/** As `chatlog pull` reads. */
async function pulled(store: ObjectStore): Promise<string[]> {
  await using pool = new WorkerPool({ size: 1 });
  const scanner = new Scanner({ store, pool, selection: EVERYTHING, signal: never });
  const lines: string[] = [];
  for await (const batch of mergedLines(selectedDays(store, EVERYTHING, never), scanner))
    for (const index of batch.times.keys()) lines.push(lineAt(batch, index).toString());
  expect(scanner.findings.damaged).toEqual([]);
  return lines;
}

/** As the API answers for what is beyond the index; it does not show gaps. */
async function answered(store: ObjectStore): Promise<string[]> {
  const reader = new ArchiveReader({ store, privacy: OPEN_GATE, log: silentLog });
  const channels = ['xqc', 'lirik'].map((channel) => ({ platform: 'twitch', channel }));
  const request = { channels: [...channels, { platform: 'irc-libera', channel: '#talk' }] };
  const lines: string[] = [];
  for await (const batch of reader.lines(
    { ...request, fromMs: START - HOUR_MS, toMs: START + 48 * HOUR_MS },
    never,
  ))
    lines.push(...batch.map(({ line }) => line.toString()));
  return lines;
}

async function indexed(store: ObjectStore): Promise<string> {
  const indexer = new Indexer({
    ...{ config: () => indexConfig(), spool: undefined, store, database, privacy: OPEN_GATE },
    ...{ log: silentLog, now: () => NOW },
  });
  await indexer.indexOnce({ rebuild: true, force: true }, never);
  return contentsChecksum(await indexContents(database));
}

const isGap = (line: string) => (JSON.parse(line) as ChatEvent).type === 'gap';

/** Whoever reads now has each line once. */
async function expectAllOnce({ store, model }: World, context: string, checksum?: string): Promise<void> {
  const expected = model();
  expect(await pulled(store), context).toEqual(expected);
  expect((await answered(store)).toSorted(), context).toEqual(
    expected.filter((line) => !isGap(line)).toSorted(),
  );
  if (checksum !== undefined) expect(await indexed(store), context).toBe(checksum);
}

/** One object for each channel and day, and beside it nothing but what tells of it; verifying finds nothing. */
async function expectCompact({ store }: World, context: string): Promise<void> {
  const segments = await storedSegments(store);
  const days = new Set(segments.map(({ key }) => key.split('/').slice(0, 5).join('/')));
  expect(
    segments.filter(({ isDay }) => !isDay),
    context,
  ).toEqual([]);
  expect(segments.length, context).toBe(days.size);
  const keys = (await Array.fromAsync(store.list('', never))).map(({ key }) => key);
  for (const day of days) {
    const { orphans, told } = await readStoredDay(
      store,
      storedSegment(segments.find(({ key }) => key.startsWith(day))!.key, 0)!,
      never,
    );
    expect(orphans, context).toEqual([]);
    expect(told, context).not.toEqual([]);
  }
  expect(keys.filter((key) => key.startsWith('parquet/')).length, context).toBe(days.size);
  const { problems } = await verifyArchive({
    ...{ store, selection: EVERYTHING, exportPrefixes: [], isQuick: false, repairs: false },
    writes: { add: false, renew: false, acceptLoss: false },
    ...{ local: undefined, localProblem: '', instance: '', now: () => NOW, onObject() {}, signal: never },
  });
  const found = problems.map(({ code, key, message }) => `${code} ${key}: ${message}`);
  expect(found, context).toEqual([]);
}

async function writeManifests(store: ObjectStore): Promise<void> {
  for (const platform of ['twitch', 'irc-libera'])
    for (const dayMs of [Date.UTC(2026, 8, 29), Date.UTC(2026, 8, 30)])
      await writeManifest({ dayMs, platform, store, by: '', now: () => NOW }, never);
}

const PLACES: [CompactStep, number][] = [
  ...COMPACT_STEPS.map((step): [CompactStep, number] => [step, 1]),
  ['remove', 5],
];
/** In these storage makes a difference. */
const PLACES_ON_S3: [CompactStep, number][] = [['remove', 2]];

describe.each(['directory', 'S3'] as const)('compaction in a %s', { timeout: 900_000 }, (kind) => {
  it('loses and doubles nothing when it is killed as any step begins, and ends what it began', async () => {
    for (const [index, [step, at]] of (kind === 'S3' ? PLACES_ON_S3 : PLACES).entries()) {
      const context = `killed at ${step} ${at}`;
      await using it = await world(kind);
      await it.add(recorders(index));
      const isIndexed = kind === 'directory' && index % 4 === 0;
      const checksum = isIndexed ? await indexed(it.store) : undefined;
      if (index % 4 < 2) await writeManifests(it.store);
      expect(await it.compact({ step, at }), context).toBe(true);
      await expectAllOnce(it, context, checksum);
      expect(await it.compact(), context).toBe(false);
      await expectAllOnce(it, `${context}, then run again`, checksum);
      await expectCompact(it, context);
    }
  });

  // Storage makes no difference to these.
  const onDisk = it.runIf(kind === 'directory');

  onDisk('loses and doubles nothing when it is killed at any time, with objects coming late', async () => {
    await using it = await world(kind);
    const random = seededRandom(7);
    let kills = 0;
    for (let round = 0; round < 5; round++) {
      if (round % 3 === 0)
        await it.add(
          Array.from({ length: round + 1 }, (_, index) => (index < round ? [] : recorders(99)[round % 2]!)),
        );
      if (await it.compact({}, 500 + random(2_500))) kills++;
      await expectAllOnce(it, `round ${round}`);
    }
    expect(kills).toBeGreaterThan(0);
    while (await it.compact());
    await expectAllOnce(it, 'in the end');
    await expectCompact(it, 'in the end');
  });

  onDisk('by several processes at once, one of them killed, leaves each line once', async () => {
    await using it = await world(kind);
    await it.add(recorders(11));
    await writeManifests(it.store);
    await Promise.all([it.compact(), it.compact({ step: 'remove', at: 3 }), it.compact()]);
    await expectAllOnce(it, 'after three at once');
    await it.compact();
    await expectAllOnce(it, 'in the end');
    await expectCompact(it, 'in the end');
  });
});
