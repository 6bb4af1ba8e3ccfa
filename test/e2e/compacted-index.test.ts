/** What the index makes of an archive that was compacted: beside it, afterwards, and when it is made anew. */
import { describe, expect, it } from 'vitest';
import type { ChatEvent } from '../../src/event.ts';
import type { Database } from '../../src/index/database/database.ts';
import { Indexer } from '../../src/index/indexer.ts';
import { segmentPage } from '../../src/index/queries/segment-page.ts';
import { maintain } from '../../src/index/retention/maintain.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { archiveLines } from '../support/archive-objects.ts';
import { compactAll } from '../support/compact-world.ts';
import { openDatabase } from '../support/databases.ts';
import { contentsChecksum, indexContents } from '../support/index-contents.ts';
import { indexLines, seededRandom } from '../support/index-lines.ts';
import { indexConfig } from '../support/loader-fixture.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import { dayOfChat, retentionWorld } from '../support/retention-world.ts';
import { tempDir } from '../support/temp-dir.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START = Date.UTC(2026, 8, 29, 20);
const NOW = Date.UTC(2026, 9, 5);
const never = new AbortController().signal;

/** Two recorders' hours: copies with other times of arrival, and as backfill. */
function recorders(seed: number): string[][] {
  const random = seededRandom(seed);
  const all = indexLines({ seed, lines: 900, startMs: START, spanMs: 40 * HOUR_MS });
  const copies = all.flatMap((line) => {
    const event = JSON.parse(line) as ChatEvent;
    if (random(2) === 0 || event.received_at === undefined || event.id === undefined) return [];
    const received_at = new Date(Date.parse(event.received_at) + random(900) - 450).toISOString();
    return [JSON.stringify({ ...event, ...(random(3) === 0 && { source: 'backfill' }), received_at })];
  });
  return [all, copies];
}

function indexerOf(store: ObjectStore, database: Database): Indexer {
  return new Indexer({
    ...{ config: () => indexConfig(), spool: undefined, store, database, privacy: OPEN_GATE },
    ...{ log: silentLog, now: () => NOW },
  });
}

const checksum = async (database: Database) => contentsChecksum(await indexContents(database));
const loadedKeys = async (database: Database) =>
  (await database.read((session) => session.query('SELECT object_key FROM segments ORDER BY 1'))).rows.map(
    ({ object_key }) => object_key as string,
  );

describe('the index of a compacted archive', { timeout: 240_000 }, () => {
  it('is the same as that of the hours, also where it is made anew, and with both beside each other', async () => {
    for (const seed of [1, 2]) {
      await using directory = await tempDir();
      const store = await createDirectoryObjectStore(directory.path);
      await archiveLines(store, recorders(seed));
      await using ofHours = await openDatabase('PostgreSQL 15');
      await indexerOf(store, ofHours).indexOnce({}, never);
      const expected = await checksum(ofHours);
      await compactAll(store, { keepSources: true });
      await using ofBoth = await openDatabase('PostgreSQL 15');
      await indexerOf(store, ofBoth).indexOnce({}, never);
      expect(await checksum(ofBoth), `seed ${seed}, both`).toBe(expected);
      await compactAll(store);
      await using ofDays = await openDatabase('PostgreSQL 15');
      await indexerOf(store, ofDays).indexOnce({}, never);
      expect(await checksum(ofDays), `seed ${seed}, days`).toBe(expected);
      await indexerOf(store, ofDays).indexOnce({ rebuild: true }, never);
      expect(await checksum(ofDays), `seed ${seed}, anew`).toBe(expected);
    }
  });

  it('knows days whose hours it has read, without reading them, and has nothing more of the hours', async () => {
    await using directory = await tempDir();
    const store = await createDirectoryObjectStore(directory.path);
    await archiveLines(store, recorders(3));
    await using database = await openDatabase('PostgreSQL 15');
    await indexerOf(store, database).indexOnce({}, never);
    const before = await checksum(database);
    await compactAll(store, { keepSources: true });
    const gets: string[] = [];
    const watched = new Proxy(store, {
      get(target, property: keyof ObjectStore) {
        const value = target[property];
        if (property !== 'get') return typeof value === 'function' ? value.bind(target) : value;
        return (key: string, signal: AbortSignal) => {
          if (key.endsWith('.zst')) gets.push(key);
          return store.get(key, signal);
        };
      },
    });
    await indexerOf(watched, database).indexOnce({}, never);
    const both = await loadedKeys(database);
    expect(both.filter((key) => key.includes('-day'))).not.toEqual([]);
    await compactAll(store);
    await indexerOf(watched, database).indexOnce({}, never);
    expect(gets).toEqual([]);
    expect(await checksum(database)).toBe(before);
    const days = await loadedKeys(database);
    expect(days).toEqual(both.filter((key) => key.includes('-day')));
  });

  it('says where the lines of any hour lie', async () => {
    await using directory = await tempDir();
    const store = await createDirectoryObjectStore(directory.path);
    await archiveLines(store, recorders(4));
    await compactAll(store);
    await using database = await openDatabase('PostgreSQL 15');
    await indexerOf(store, database).indexOnce({}, never);
    const dayMs = Date.UTC(2026, 8, 30);
    const channels = [{ platform: 'twitch', name: 'xqc' }];
    const page = (sinceMs: number, untilMs: number) =>
      database.read((session) => segmentPage(session, { channels, sinceMs, untilMs, offset: 0, limit: 10 }));
    const rows = await page(dayMs + 13 * HOUR_MS, dayMs + 14 * HOUR_MS);
    expect(rows.map(({ name }) => name)).toEqual(['twitch_xqc_20260930_0000-day.jsonl']);
    expect(await page(dayMs + 3 * DAY_MS, dayMs + 4 * DAY_MS)).toEqual([]);
  });
});

describe('retention over a compacted archive', { timeout: 240_000 }, () => {
  const day = (age: number) => Date.UTC(2026, 10, 21) - age * DAY_MS;
  const signal = AbortSignal.timeout(200_000);

  it('lets days go whose hours were merged, whether the index has seen that or not, and no other', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    const config = { defaults: { retention_days: 3 } };
    await using world = await retentionWorld(database, { nowMs: day(9), config });
    for (const channel of ['merged', 'local', 'lost']) await world.record(dayOfChat(channel, day(9), 30));
    // Of "local" the ledger knows the files of the disk alone.
    await database.transaction((session) =>
      session.exec(
        `UPDATE segments SET source = 'local:0123456789abcdef', name = name || '#0123456789abcdef', object_key = NULL
         WHERE channel = 'local'`,
      ),
    );
    await compactAll(world.store);
    for await (const { key } of world.store.list('', signal))
      if (key.includes('/lost/') && key.endsWith('.zst')) await world.store.remove(key, signal);
    world.nowMs = day(0) + 4 * HOUR_MS;
    const report = await maintain({}, world.tools, signal);
    expect(report.waiting).toMatchObject([
      { channel: 'lost', reason: expect.stringContaining('is not in storage') },
    ]);
    expect(report.removed.map(({ channel }) => channel).toSorted()).toEqual(['local', 'merged']);
  });

  it('keeps a day whose object is there in part', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: day(9),
      config: { defaults: { retention_days: 3 } },
    });
    await world.record(dayOfChat('cut', day(9), 30));
    await compactAll(world.store);
    const head = world.store.head.bind(world.store);
    const cut = async (key: string, abort: AbortSignal) => {
      const found = await head(key, abort);
      return found && { ...found, bytes: found.bytes - 1 };
    };
    const store = new Proxy(world.store, {
      get: (target, name: keyof ObjectStore) =>
        name === 'head' ? cut : (target[name] as () => void).bind?.(target),
    });
    world.nowMs = day(0) + 4 * HOUR_MS;
    const report = await maintain({}, { ...world.tools, store }, signal);
    expect(report.waiting).toMatchObject([{ channel: 'cut' }]);
  });

  it('takes day objects with all that was made with them when their own time is over', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    const config = { defaults: { retention_days: 3, object_retention_days: 5 } };
    await using world = await retentionWorld(database, { nowMs: day(9), config });
    await world.record(dayOfChat('old', day(9), 10));
    world.nowMs = day(4);
    await world.record(dayOfChat('young', day(4), 10));
    await compactAll(world.store, { parquet: true });
    world.nowMs = day(0) + 4 * HOUR_MS;
    await maintain({}, world.tools, signal);
    const { objects } = await maintain({}, world.tools, signal);
    expect(objects.waiting).toBe(0);
    const left = (await Array.fromAsync(world.store.list('', signal))).map(({ key }) => key);
    expect(left.filter((key) => key.includes('old'))).toEqual([]);
    expect(left.filter((key) => key.startsWith('2026/11/12'))).toEqual([]);
    expect(left.filter((key) => key.includes('young'))).toHaveLength(3);
  });
});
