import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../src/index/database/migrate.ts';
import { createPostgresDatabase } from '../../src/index/database/postgres-database.ts';
import { maintain } from '../../src/index/retention/maintain.ts';
import { cutDatabase } from '../support/cut-database.ts';
import { openDatabase } from '../support/databases.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { silentLog } from '../support/recorder-fixture.ts';
import {
  expectAllOnce,
  expectNothingEarly,
  HISTORY_NOW,
  historyConfig,
  recordHistory,
} from '../support/retention-history.ts';
import { type RetentionWorld, retentionWorld } from '../support/retention-world.ts';

const signal = AbortSignal.timeout(600_000);

async function historyWorld(database: Parameters<typeof retentionWorld>[0]): Promise<RetentionWorld> {
  const world = await retentionWorld(database, { nowMs: HISTORY_NOW, config: {} });
  world.configure(historyConfig(world.directory.path));
  return world;
}

it.each(['before', 'after'] as const)(
  'drops nothing early and does everything once, whichever operation it loses its database at (%s it)',
  async (when) => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await historyWorld(database);
    const events = await recordHistory(world);
    let cuts = 0;
    // Every operation is met by one of the two.
    for (let at = when === 'before' ? 1 : 2; ; at += 2) {
      const cut = cutDatabase(database, at, when);
      try {
        await maintain({}, { ...world.tools, database: cut, derive: async () => {} }, signal);
        break;
      } catch (error) {
        // The server takes a moment to notice that the connection which held the lock is gone.
        if ((error as { code?: string }).code === 'maintenance_running') at -= 2;
        else expect(error).toMatchObject({ code: 'database_unavailable' });
        cuts++;
      }
      if (at % 10 < 2) await expectNothingEarly(world);
    }
    expect(cuts).toBeGreaterThan(30);
    await expectAllOnce(world, events);
    // Nothing was left behind that the next one would do again.
    expect(await maintain({}, world.tools, signal)).toMatchObject({ removed: [], waitingTotal: 0 });
    await expectAllOnce(world, events);
  },
);

it('survives kill -9 in every phase', async () => {
  await using database = await openDatabase('PostgreSQL 15');
  await using world = await historyWorld(database);
  const events = await recordHistory(world);
  let kills = 0;
  for (let at = 25; ; at += 41) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'maintain-child.ts'), database.url!, world.directory.path, String(at)],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const [code, killed] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    await expectNothingEarly(world);
    if (killed === null) {
      expect(code).toBe(0);
      break;
    }
    expect(killed).toBe('SIGKILL');
    kills++;
  }
  expect(kills).toBeGreaterThan(2);
  await expectAllOnce(world, events);
});

it('survives the crash of the database server', async () => {
  await using server = await startPostgres(15);
  const url = await server.createDatabase();
  await using database = createPostgresDatabase({ url, poolMax: 5, log: silentLog });
  await migrate(database);
  await using world = await historyWorld(database);
  const events = await recordHistory(world);
  let crashes = 0;
  for (let at = 30; ; at += 45) {
    const crashing = cutDatabase(database, at, 'after', async () => {
      await server.crash();
      await server.start();
    });
    try {
      await maintain({}, { ...world.tools, database: crashing, derive: async () => {} }, signal);
      break;
    } catch (error) {
      expect(error).toMatchObject({ code: 'database_unavailable' });
      crashes++;
    }
    await expectNothingEarly(world);
  }
  expect(crashes).toBeGreaterThan(1);
  await expectAllOnce(world, events);
});
