import { expect, it } from 'vitest';
import { openDatabase } from '../../../test/support/databases.ts';
import { dayOfChat, retentionWorld } from '../../../test/support/retention-world.ts';
import { DAY_MS } from './due-ranges.ts';
import { maintain } from './maintain.ts';
import { requireNothingDue } from './require-nothing-due.ts';

const TODAY = Date.parse('2026-11-21T00:00:00Z');

it('refuses while a day that is past its retention has not been through maintenance', async () => {
  await using database = await openDatabase('PostgreSQL 15');
  const channels = [{ name: 'ever', retention_days: 'forever' }];
  const config = { defaults: { retention_days: 3 }, twitch: { channels } };
  await using world = await retentionWorld(database, { nowMs: TODAY - 9 * DAY_MS, config });
  await world.record(dayOfChat('ever', TODAY - 10 * DAY_MS, 4));
  await world.record(dayOfChat('short', TODAY - 10 * DAY_MS, 4));
  world.nowMs = TODAY;
  const ask = () => requireNothingDue(database, world.config, world.nowMs);

  await expect(ask()).rejects.toMatchObject({
    code: 'retention_waiting',
    message: expect.stringContaining('2026-11-11 of twitch/short'),
  });
  await maintain({}, world.tools, AbortSignal.timeout(60_000));
  await expect(ask()).resolves.toBeUndefined();
});
