import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, postgresServer } from '../../../test/support/databases.ts';
import { dayOfChat, retentionWorld } from '../../../test/support/retention-world.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import { configSchema } from '../../config/schema.ts';
import { DAY_MS } from './due-ranges.ts';
import { lastRun } from './maintenance-state.ts';
import { retentionHealth } from './retention-health.ts';
import { nextTimeMs, RetentionRole } from './retention-role.ts';

const NOW = Date.parse('2026-11-21T03:00:00Z');

beforeAll(() => postgresServer('PostgreSQL 15'));

describe('the schedule', () => {
  it('is in UTC, whatever the machine', () => {
    const config = configSchema.parse({});
    expect(new Date(nextTimeMs(config, NOW)).toISOString()).toBe('2026-11-21T04:10:00.000Z');
    expect(new Date(nextTimeMs(config, NOW + DAY_MS / 2)).toISOString()).toBe('2026-11-22T04:10:00.000Z');
    const weekly = configSchema.parse({ maintenance: { schedule: '@weekly' } });
    expect(new Date(nextTimeMs(weekly, NOW)).toISOString()).toBe('2026-11-22T00:00:00.000Z');
  });
});

describe('the role', () => {
  it('runs at once where the last run is older than a day, then by the schedule and when a pipeline is due again', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: NOW - 6 * DAY_MS,
      config: {
        defaults: { retention_days: 3, pipelines: ['p'] },
        pipelines: { p: [{ step: 'sql', statement: 'SELECT 1 / ($1::int - $1::int)' }] },
        maintenance: { attempts_max: 2, backoff: { min_seconds: 60, max_seconds: 60 } },
      },
    });
    await world.record(dayOfChat('c', Date.parse('2026-11-15T00:00:00Z'), 3));
    world.nowMs = NOW;
    const role = new RetentionRole({ ...world.tools, random: () => 0.001 });
    const stop = new AbortController();
    const running = role.run(stop.signal);
    await waitFor('the first run', () => role.status().last);
    expect(role.status()).toMatchObject({
      last: { waiting: 1, dead: 0 },
      nextMs: expect.closeTo(NOW + 30_000, -3),
    });
    stop.abort();
    await running;

    // Another process knows of it, and waits for the time of the retry.
    const other = new RetentionRole(world.tools);
    const end = new AbortController();
    const second = other.run(end.signal);
    await waitFor('the last run', () => other.status().last);
    expect(other.status().running).toBe(false);
    expect((await other.maintain({ retry: true })).dead).toBe(0);
    expect((await other.maintain({ retry: true })).dead).toBe(0);
    world.nowMs += 60_000;
    expect((await other.maintain({})).dead).toBe(1);
    expect(other.status().nextMs).toBe(Date.parse('2026-11-21T04:10:00Z'));
    expect(retentionHealth(other.status(), world.nowMs)).toMatchObject({
      ok: false,
      detail: expect.stringContaining('1 pipeline runs given up'),
    });
    expect(await lastRun(database)).toMatchObject({ dead: 1 });
    end.abort();
    await second;
  });
});
