import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, postgresServer } from '../../../test/support/databases.ts';
import {
  chatEvent,
  dayOfChat,
  type RetentionWorld,
  retentionWorld,
} from '../../../test/support/retention-world.ts';
import { type PlatformDay, platformDayOf } from '../../archive/manifest/manifest-key.ts';
import { writeManifest } from '../../archive/manifest/write-manifest.ts';
import { storedSegment } from '../../storage/read-segment.ts';
import type { Database } from '../database/database.ts';
import { DAY_MS } from './due-ranges.ts';
import { maintain } from './maintain.ts';
import { withMaintenanceLock } from './maintenance-lock.ts';

const NOW = Date.parse('2026-11-21T04:10:00Z');
const TODAY = Date.parse('2026-11-21T00:00:00Z');
const day = (age: number) => TODAY - age * DAY_MS;
const signal = AbortSignal.timeout(600_000);

beforeAll(() => postgresServer('PostgreSQL 15'));

const CONFIG = {
  defaults: { retention_days: 30 },
  twitch: {
    channels: [
      { name: 'short', retention_days: 3 },
      { name: 'long', retention_days: 60 },
      { name: 'ever', retention_days: 'forever' },
    ],
  },
};

async function count(database: Database, table: string, where = 'true'): Promise<number> {
  const { rows } = await database.transaction((session) =>
    session.query(`SELECT count(*) AS n FROM ${table} AS t WHERE ${where}`),
  );
  return rows[0]?.n as number;
}

async function messagesOf(database: Database): Promise<Record<string, string[]>> {
  const { rows } = await database.transaction((session) =>
    session.query(
      `SELECT c.name, array_agg(DISTINCT to_char(m.ts AT TIME ZONE 'UTC', 'YYYY-MM-DD') ORDER BY to_char(m.ts AT TIME ZONE 'UTC', 'YYYY-MM-DD')) AS days
       FROM messages m JOIN channels c ON c.id = m.channel_id GROUP BY c.name`,
    ),
  );
  return Object.fromEntries(rows.map(({ name, days }) => [name as string, days as string[]]));
}

/** Three channels, chat on days of several ages, loaded while it was young. */
async function threeChannels(database: Database, config: object = CONFIG): Promise<RetentionWorld> {
  const world = await retentionWorld(database, { nowMs: day(80), config });
  for (const age of [75, 70, 5, 2]) {
    world.nowMs = day(age) + DAY_MS;
    for (const channel of ['short', 'long', 'ever']) await world.record(dayOfChat(channel, day(age), 10));
  }
  world.nowMs = NOW;
  return world;
}

describe.each(['PGlite', 'PostgreSQL 15'] as const)('retention over %s', { timeout: 120_000 }, (kind) => {
  it('takes of each channel what is older than its own retention, and keeps the statistics', async () => {
    await using database = await openDatabase(kind);
    await using world = await threeChannels(database);
    const statistics = await count(database, 'hourly_stats');

    const planned = await maintain({ dryRun: true }, world.tools, signal);
    expect(await count(database, 'messages')).toBe(120);
    const report = await maintain({}, world.tools, signal);

    expect(await messagesOf(database)).toEqual({
      short: ['2026-11-19'],
      long: ['2026-11-16', '2026-11-19'],
      ever: ['2026-09-07', '2026-09-12', '2026-11-16', '2026-11-19'],
    });
    expect(report.removed).toEqual([
      { platform: 'twitch', channel: 'short', from: '2026-09-07', to: '2026-09-07' },
      { platform: 'twitch', channel: 'short', from: '2026-09-12', to: '2026-09-12' },
      { platform: 'twitch', channel: 'short', from: '2026-11-16', to: '2026-11-16' },
      { platform: 'twitch', channel: 'long', from: '2026-09-07', to: '2026-09-07' },
      { platform: 'twitch', channel: 'long', from: '2026-09-12', to: '2026-09-12' },
    ]);
    expect(planned.removed).toEqual(report.removed);
    expect(planned.rows.messages).toBe(50);
    expect(report.rows.messages).toBe(50);
    expect(report.waitingTotal).toBe(0);
    expect(await count(database, 'hourly_stats')).toBe(statistics);
    expect(await count(database, 'user_days')).toBe(35);
    expect(await count(database, 'sessions', "t.left_at < '2026-11-01'")).toBeGreaterThan(0);
    expect(
      await count(
        database,
        'sessions',
        `t.left_at < '2026-11-18' AND t.channel_id = (SELECT id FROM channels WHERE name = 'short')`,
      ),
    ).toBe(0);

    const again = await maintain({}, world.tools, signal);
    expect(again.removed).toEqual([]);
    expect(await count(database, 'messages')).toBe(70);

    world.configure({ defaults: { retention_days: 3 } });
    expect(await maintain({}, world.tools, signal)).toMatchObject({ partitionsDropped: ['2026-09'] });
    expect(await messagesOf(database)).toEqual({
      short: ['2026-11-19'],
      long: ['2026-11-19'],
      ever: ['2026-11-19'],
    });
  });
});

describe('what nothing keeps', () => {
  it('goes as a whole month where no channel keeps anything of it, with what nothing refers to any more', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await threeChannels(database);
    const own = { username: 'once', user_id: '999', display_name: 'Once', badges: ['vip/1'] };
    world.nowMs = day(70) + DAY_MS;
    await world.record([chatEvent('short', day(70) + 5_000, own)]);
    world.nowMs = NOW;
    world.configure({ defaults: { retention_days: 3 } });
    const users = await count(database, 'users');

    const planned = await maintain({ dryRun: true }, world.tools, signal);
    const report = await maintain({}, world.tools, signal);

    expect(report.partitionsDropped).toEqual(['2026-09']);
    expect(planned.partitionsDropped).toEqual(['2026-09']);
    expect(await count(database, 'messages')).toBe(30);
    expect(await count(database, 'users')).toBe(users - 1);
    expect(await count(database, 'user_names', "t.login = 'once'")).toBe(0);
    expect(await count(database, 'templates', "t.content::text LIKE '%vip/1%'")).toBe(0);
    expect(await count(database, 'templates')).toBeGreaterThan(0);

    // Whoever remembered the ids of what went is told: the same user comes back as a new one.
    await world.record([chatEvent('short', NOW, own)]);
    expect(await count(database, 'user_names', "t.login = 'once'")).toBe(1);
  });
});

describe('what may not go', () => {
  it('waits for storage: an object that is missing, changed or not uploaded keeps its day', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: day(10),
      config: { defaults: { retention_days: 3 } },
    });
    await world.record(dayOfChat('gone', day(10), 4));
    await world.record(dayOfChat('local', day(10), 4), { stored: false });
    await world.record(dayOfChat('fine', day(10), 4));
    for await (const { key } of world.store.list('', signal)) {
      if (key.includes('/gone/')) {
        await world.store.remove(key, signal);
        break;
      }
    }
    world.nowMs = NOW;

    const report = await maintain({}, world.tools, signal);

    expect(await messagesOf(database)).toEqual({ gone: ['2026-11-11'], local: ['2026-11-11'] });
    expect(report.waiting).toMatchObject([
      {
        channel: 'gone',
        day: '2026-11-11',
        overdue: true,
        reason: expect.stringContaining('is not in storage'),
      },
      {
        channel: 'local',
        day: '2026-11-11',
        overdue: true,
        reason: expect.stringContaining('is not in storage'),
      },
    ]);
    expect(report.overdue).toBe(2);
  });

  it('waits for the indexer as long as it has not had its time', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: day(4),
      config: { defaults: { retention_days: 3 } },
    });
    await world.record(dayOfChat('half', day(4), 4));
    await database.transaction((session) =>
      session.query(
        'UPDATE segments SET complete = false WHERE start_ts = (SELECT min(start_ts) FROM segments)',
      ),
    );
    world.nowMs = NOW;

    const early = await maintain({}, world.tools, signal);
    expect(early.waiting).toMatchObject([
      { overdue: false, reason: expect.stringContaining('not wholly indexed') },
    ]);
    world.nowMs = NOW + DAY_MS;
    const later = await maintain({}, world.tools, signal);
    expect(later.waitingTotal).toBe(0);
    expect(await count(database, 'messages')).toBe(0);
  });

  it('does not wait for a local segment that was left half indexed, where its object has all of it', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: day(10),
      config: { defaults: { retention_days: 3 } },
    });
    await world.record(dayOfChat('both', day(10), 4));
    await world.record(dayOfChat('alone', day(10), 4));
    const local = "'local:0123456789abcdef', name || '#0123456789abcdef'";
    await database.transaction(async (session) => {
      await session.exec(`
        INSERT INTO segments (source, name, platform, channel, start_ts, bytes, first_ts, last_ts)
        SELECT ${local}, platform, channel, start_ts, bytes - 1, first_ts, last_ts FROM segments
        WHERE channel = 'both';
        UPDATE segments SET (source, name) = (SELECT ${local}), complete = false, object_key = NULL,
          lines_sha256 = NULL, bytes = bytes - 1 WHERE channel = 'alone'`);
    });
    world.nowMs = NOW;

    expect(await maintain({}, world.tools, signal)).toMatchObject({ waiting: [], overdue: 0 });
    expect(await count(database, 'messages')).toBe(0);
  });

  it('says that storage does not answer, and goes on the next time', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: day(9),
      config: { defaults: { retention_days: 3 } },
    });
    await world.record(dayOfChat('a', day(9), 4));
    await world.record(dayOfChat('b', day(9), 4));
    world.nowMs = NOW;
    let asked = 0;
    const head = async () => {
      asked++;
      throw new Error('connection refused');
    };

    const report = await maintain({}, { ...world.tools, store: { ...bound(world), head } }, signal);

    expect(report.waitingTotal).toBe(2);
    expect(report.waiting[1]?.reason).toBe('storage does not answer: connection refused');
    expect(asked).toBeLessThanOrEqual(4);
    expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(0);
  });

  it('leaves late lines of a day that has gone where they are', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await threeChannels(database);
    await maintain({}, world.tools, signal);
    const before = await messagesOf(database);

    await world.record([chatEvent('short', day(5) + 1_000)]);
    expect(await messagesOf(database)).toEqual(before);

    // Also where the retention is longer now: the floor does not go down, and nothing comes back in part.
    world.configure({ defaults: { retention_days: 'forever' } });
    await world.record([chatEvent('short', day(5) + 2_000)]);
    expect(await messagesOf(database)).toEqual(before);
  });

  it('keeps a channel that came while maintenance was under way', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: day(80),
      config: { defaults: { retention_days: 60 } },
    });
    await world.record(dayOfChat('old', day(80), 4));
    world.nowMs = NOW;
    const derive = async () => {};
    const store = {
      ...bound(world),
      head: async (key: string, abort: AbortSignal) => {
        world.configure({
          defaults: { retention_days: 60 },
          twitch: { channels: [{ name: 'new', retention_days: 'forever' }] },
        });
        await world.record([chatEvent('new', day(80) + 1_000)]);
        return world.store.head(key, abort);
      },
    };

    const report = await maintain({}, { ...world.tools, store, derive }, signal);

    expect(report.partitionsDropped).toEqual([]);
    expect(await messagesOf(database)).toEqual({ new: ['2026-09-02'] });
  });
});

it('takes nothing by a clock that runs ahead', async () => {
  await using database = await openDatabase('PostgreSQL 15');
  await using world = await retentionWorld(database, {
    nowMs: day(2),
    config: { defaults: { retention_days: 30 } },
  });
  await world.record(dayOfChat('c', day(2), 4));
  world.nowMs = Date.now() + 400 * DAY_MS;
  await expect(maintain({}, world.tools, signal)).rejects.toMatchObject({ code: 'clock_ahead' });
  expect(await count(database, 'messages')).toBe(4);
});

describe('one maintenance at a time', () => {
  it('refuses a second one, and takes it up after the first', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, { nowMs: NOW, config: {} });
    await withMaintenanceLock(database, async () => {
      await expect(maintain({}, world.tools, signal)).rejects.toMatchObject({ code: 'maintenance_running' });
      await expect(maintain({ dryRun: true }, world.tools, signal)).resolves.toMatchObject({ dryRun: true });
    });
    await expect(maintain({}, world.tools, signal)).resolves.toMatchObject({ waitingTotal: 0 });
  });

  it('holds nothing of the embedded database, whose one connection everybody needs', async () => {
    // A database that offers nothing but its kind.
    const database = { kind: 'pglite' } as Database;
    await withMaintenanceLock(database, async () => {
      await expect(withMaintenanceLock(database, async () => {})).rejects.toMatchObject({
        code: 'maintenance_running',
      });
    });
    await expect(withMaintenanceLock(database, async () => 'mine')).resolves.toBe('mine');
  });

  it('gives the lock back when it fails', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await expect(withMaintenanceLock(database, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await expect(withMaintenanceLock(database, async () => 'mine')).resolves.toBe('mine');
  });
});

describe('objects', () => {
  it('stay for ever unless configured, and then go when the index has no need of them', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await threeChannels(database);
    const keys = async () => {
      const found: Record<string, number> = {};
      for await (const { key } of world.store.list('', signal)) {
        const [, , , , channel] = key.split('/');
        found[channel!] = (found[channel!] ?? 0) + 1;
      }
      return found;
    };
    const all = await keys();
    expect((await maintain({}, world.tools, signal)).objects).toMatchObject({ removed: 0 });
    expect(await keys()).toEqual(all);

    world.configure({ ...CONFIG, defaults: { retention_days: 30, object_retention_days: 50 } });
    const planned = await maintain({ dryRun: true }, world.tools, signal);
    expect(await keys()).toEqual(all);
    const { objects } = await maintain({}, world.tools, signal);

    // Two of four days are past fifty days; "ever" needs its own, whose rows stay.
    expect(await keys()).toEqual({ short: all.short! / 2, long: all.long! / 2, ever: all.ever });
    expect(objects.removed).toBe((all.short! + all.long!) / 2);
    expect(objects.waiting).toBe(all.ever! / 2);
    expect(planned.objects).toEqual(objects);
    expect(await count(database, 'segments', "t.channel = 'short'")).toBe(all.short! / 2);
  });

  it('go out of the manifest of their day, which goes with the last of them', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await threeChannels(database);
    const { store } = world;
    const keys: string[] = [];
    for await (const { key } of store.list('', signal)) keys.push(key);
    const days = new Map(
      keys.map((key) => platformDayOf(storedSegment(key, 0)!)).map((of) => [of.dayMs, of]),
    );
    const write = (of: PlatformDay) => writeManifest({ ...of, store, by: '', now: () => NOW }, signal);
    for (const of of days.values()) await write(of);

    world.configure({ ...CONFIG, defaults: { retention_days: 30, object_retention_days: 50 } });
    const { objects } = await maintain({}, world.tools, signal);
    expect(objects.removed).toBeGreaterThan(0);
    const left: string[] = [];
    for await (const { key } of store.list('', signal)) left.push(key);
    expect(left.filter((key) => key.endsWith('_manifest-0002.json'))).not.toEqual([]);
    for (const of of days.values()) expect(await write(of)).toMatchObject({ isNew: false });

    world.configure({ defaults: { retention_days: 30, object_retention_days: 50 } });
    await maintain({}, world.tools, signal);
    for await (const { key } of store.list('', signal))
      expect(Date.parse(key.slice(0, 10).replaceAll('/', '-'))).toBeGreaterThan(NOW - 52 * DAY_MS);
  });

  it('stay for pipelines that have not run over their day, as after the index was lost', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    const config = {
      pipelines: { sums: [{ step: 'channel_summary' }] },
      defaults: { retention_days: 3, object_retention_days: 3, pipelines: ['sums'] },
    };
    await using world = await retentionWorld(database, { nowMs: day(9), config });
    await world.record(dayOfChat('known', day(9), 4));
    await world.record(dayOfChat('lost', day(9), 4));
    world.nowMs = NOW;
    const objects = async () => (await maintain({}, world.tools, signal)).objects;
    const lose = (statement: string) => database.transaction((session) => session.exec(statement));

    await lose(`TRUNCATE messages, mod_actions, segments; DELETE FROM channels WHERE name = 'lost'`);
    expect(await objects()).toMatchObject({ removed: 0, waiting: 6 });
    await lose(`INSERT INTO pipeline_runs (channel_id, day, pipeline, state)
                SELECT id, '${new Date(day(9)).toISOString().slice(0, 10)}', 'sums', 'done' FROM channels`);
    expect(await objects()).toMatchObject({ removed: 3, waiting: 3 });
  });
});

/** A class's methods, to be replaced one by one. */
function bound({ store }: RetentionWorld): RetentionWorld['store'] {
  return {
    name: store.name,
    put: (...args) => store.put(...args),
    replace: (...args) => store.replace(...args),
    remove: (...args) => store.remove(...args),
    overwrite: (...args) => store.overwrite(...args),
    head: (...args) => store.head(...args),
    open: (...args) => store.open(...args),
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    check: (...args) => store.check(...args),
    close: () => store.close(),
  };
}
