import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../test/support/databases.ts';
import type { Database } from './database/database.ts';
import { underLoadLock } from './load-lock.ts';
import {
  createPartitions,
  dropPartition,
  listPartitions,
  monthOf,
  monthsAhead,
  partitionOf,
} from './partitions.ts';

const LOCK_MS = 5_000;

const months = (database: Database) =>
  database.read(async (session) => (await listPartitions(session)).map(({ month }) => month));

describe('partitions', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase('PostgreSQL 15');
  });
  afterAll(() => database[Symbol.asyncDispose]());

  it('are made once, whoever asks, and take the rows of their month', async () => {
    const asked = [['2026-02', '2025-12'], ['2026-02', '2026-01'], ['2026-01']];
    const made = await Promise.all(asked.map((some) => createPartitions(database, some, LOCK_MS)));
    expect(made.flat().sort()).toEqual(['2025-12', '2026-01', '2026-02']);
    expect(await months(database)).toEqual(['2025-12', '2026-01', '2026-02']);
    const places = await database.transaction(async (session) => {
      const times = ['2025-12-31T23:59:59.999Z', '2026-01-01T00:00:00Z', '2026-02-28T23:59:59.999Z'];
      for (const time of times)
        await session.query(
          "INSERT INTO messages (ts, key, channel_id, type, text) VALUES ($1, gen_random_uuid(), 1, 0, 'x')",
          [time],
        );
      return (await session.query('SELECT tableoid::regclass::text AS place FROM messages ORDER BY ts')).rows;
    });
    expect(places.map(({ place }) => place)).toEqual([
      'messages_2025_12',
      'messages_2026_01',
      'messages_2026_02',
    ]);
  });

  it('have the indexes of messages, each attached to the one above it', async () => {
    const { rows } = await database.read((session) =>
      session.query(
        `SELECT i.indrelid::regclass::text AS place, count(*) AS indexes, count(h.inhparent) AS attached
         FROM pg_index i LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
         WHERE i.indrelid IN ('messages'::regclass, 'messages_2026_01'::regclass) GROUP BY 1 ORDER BY 1`,
      ),
    );
    const [whole, month] = rows;
    expect(month).toEqual({ place: 'messages_2026_01', indexes: whole!.indexes, attached: whole!.indexes });
  });

  it('are dropped with their rows, which everyone who remembers ids is told', async () => {
    const epoch = async () =>
      (await database.read((session) => session.query("SELECT value FROM index_meta WHERE name = 'epoch'")))
        .rows[0];
    const before = await epoch();
    await underLoadLock(database, {}, (session) => dropPartition(session, '2025-12'));
    expect(await months(database)).toEqual(['2026-01', '2026-02']);
    expect(await epoch()).not.toEqual(before);
  });

  it('are made while others read, and wait no longer than they may for who holds the table', async () => {
    await database.read(async (reader) => {
      await reader.query('SELECT count(*) FROM messages');
      expect(await createPartitions(database, ['2026-03'], LOCK_MS)).toEqual(['2026-03']);
    });
    await database.transaction(async (holder) => {
      await holder.exec('LOCK TABLE messages IN ACCESS EXCLUSIVE MODE');
      await expect(createPartitions(database, ['2026-04'], 100)).rejects.toMatchObject({
        code: 'database_conflict',
      });
    });
    expect(await createPartitions(database, ['2026-04'], LOCK_MS)).toEqual(['2026-04']);
  });

  it('are of UTC months', () => {
    expect(monthOf(Date.parse('2026-03-01T00:30:00+01:00'))).toBe('2026-02');
    expect(partitionOf('2026-12')).toEqual({
      name: 'messages_2026_12',
      month: '2026-12',
      fromMs: Date.UTC(2026, 11),
      toMs: Date.UTC(2027, 0),
    });
    expect(monthsAhead(Date.UTC(2026, 10, 30))).toEqual(['2026-11', '2026-12', '2027-01', '2027-02']);
  });
});
