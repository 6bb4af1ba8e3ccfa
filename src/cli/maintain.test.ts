import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { apiContext } from '../../test/support/api-context.ts';
import { capturedTerminal } from '../../test/support/captured-terminal.ts';
import { openDatabase, postgresServer } from '../../test/support/databases.ts';
import { dayOfChat, retentionWorld } from '../../test/support/retention-world.ts';
import { createApiApp } from '../api/app.ts';
import { registerMaintainRoute } from '../api/routes/admin-maintain.ts';
import { newToken } from '../api/tokens/token-store.ts';
import { withMaintenanceLock } from '../index/retention/maintenance-lock.ts';
import { RetentionRole } from '../index/retention/retention-role.ts';
import { maintainCommand } from './maintain.ts';

const DAY_MS = 86_400_000;
const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
const day = (age: number) => new Date(today - age * DAY_MS).toISOString().slice(0, 10);

beforeAll(() => postgresServer('PostgreSQL 15'));

describe('chatlog maintain', () => {
  it('says what would go, does it, and fails where something is given up', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: today - 9 * DAY_MS,
      config: { defaults: { retention_days: 30 } },
    });
    await world.record([
      ...dayOfChat('good', today - 10 * DAY_MS, 4),
      ...dayOfChat('bad', today - 10 * DAY_MS, 4),
    ]);
    const config = world.directory.join('config.yaml');
    const text = `data_dir: ${world.directory.path}
database_url: ${database.url}
archive: {directory: ${world.directory.join('archive')}}
twitch: {channels: [good, {name: bad, pipelines: [broken]}]}
defaults: {retention_days: 5}
maintenance: {attempts_max: 1}
pipelines: {broken: [{step: sql, statement: "SELECT 1 / ($1::int - $1::int)"}]}
`;
    await writeFile(config, text);
    const run = async (options: { dryRun?: boolean; retry?: boolean; json?: boolean } = {}) => {
      const terminal = capturedTerminal();
      const code = await maintainCommand({ config, dryRun: false, retry: false, ...options }, terminal);
      return { code, ...terminal };
    };

    const planned = await run({ dryRun: true });
    expect(planned.stdout).toContain('4 messages would go');
    expect(planned.stdout).toMatch(new RegExp(`twitch +good +${day(10)}`));
    expect(planned.stdout).toMatch(new RegExp(`twitch +bad +${day(10)} +pipeline broken has to run first`));

    const done = await run();
    expect(done).toMatchObject({ code: 1, stderr: expect.stringContaining('1 pipeline runs are given up') });
    expect(done.stdout).toContain('4 messages gone');
    expect(done.stdout).toContain('division by zero');

    await writeFile(config, text.replace('SELECT 1 / ($1::int - $1::int)', 'SELECT 1'));
    expect((await run()).code).toBe(1);
    const again = await run({ retry: true, json: true });
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({
      removed: [{ platform: 'twitch', channel: 'bad', from: day(10), to: day(10) }],
      rows: { messages: 4 },
      waitingTotal: 0,
    });
  });
});

describe('POST /api/admin/maintain', () => {
  it('maintains, for admins, one at a time', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await retentionWorld(database, {
      nowMs: today - 9 * DAY_MS,
      config: { defaults: { retention_days: 5 } },
    });
    await world.record(dayOfChat('c', today - 10 * DAY_MS, 4));
    world.nowMs = Date.now();
    const maintenance = new RetentionRole(world.tools);
    const localToken = newToken();
    const context = apiContext({ database, overrides: { maintenance, localToken } });
    const app = await createApiApp(context);
    registerMaintainRoute(app, context);
    const ask = (payload: object, authorization = `Bearer ${localToken}`) =>
      app.inject({ method: 'POST', url: '/api/admin/maintain', headers: { authorization }, payload });

    expect((await ask({}, 'Bearer nobody')).statusCode).toBe(401);
    expect((await ask({ dryRun: 'perhaps' })).statusCode).toBe(400);
    expect((await ask({ dryRun: true })).json()).toMatchObject({ dryRun: true, rows: { messages: 4 } });
    await withMaintenanceLock(database, async () => {
      const refused = await ask({});
      expect(refused.statusCode).toBe(409);
      expect(refused.json()).toMatchObject({ error: { code: 'maintenance_running' } });
    });
    expect((await ask({})).json()).toMatchObject({ dryRun: false, rows: { messages: 4 }, waiting: [] });
    expect(maintenance.status()).toMatchObject({ running: false, last: { messagesRemoved: 4 } });
    await app.close();
  });
});
