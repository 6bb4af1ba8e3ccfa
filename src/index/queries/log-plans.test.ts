/** Plans of what the log viewers' API asks: only the months that are asked for, and an index in each of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { seedIndex } from '../../../test/support/seed-index.ts';
import { indexBoundaryMs } from '../../archive-query/index-boundary.ts';
import { configSchema } from '../../config/schema.ts';
import type { Session } from '../database/database.ts';
import { daysOfChannel, monthsOfUser } from './log-days.ts';
import { type LogRowsQuery, logPage } from './log-rows.ts';
import { countByUser, countMessages } from './log-stats.ts';
import { nameHistory, userById, userByLogin } from './log-users.ts';
import { randomRow } from './random-row.ts';

const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;
const day = { fromMs: START_MS + 40 * DAY_MS, toMs: START_MS + 41 * DAY_MS };
const month = { fromMs: Date.UTC(2026, 1, 1), toMs: Date.UTC(2026, 2, 1) };
const config = configSchema.parse({});

let database: TestDatabase;

beforeAll(async () => {
  database = await openDatabase('PostgreSQL 15');
  // So many channels that reading a whole day for one of them would be a waste.
  await seedIndex(database, { rows: 90_001, channels: 100, users: 2_000, startMs: START_MS, months: 2 });
}, 120_000);

afterAll(() => database[Symbol.asyncDispose]());

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  Plans?: PlanNode[];
}

/** The plans of all statements that a piece of work asks. */
async function plansOf(work: (session: Session) => Promise<unknown>): Promise<PlanNode[]> {
  return database.read(async (session) => {
    const plans: PlanNode[] = [];
    const explained: Session['query'] = async (text, parameters) => {
      const { rows } = await session.query(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`, parameters);
      plans.push((rows[0]!['QUERY PLAN'] as [{ Plan: PlanNode }])[0].Plan);
      return session.query(text, parameters);
    };
    await work({ ...session, query: explained });
    return plans;
  });
}

async function planOfPage(query: Partial<LogRowsQuery>): Promise<PlanNode[]> {
  return plansOf((session) => {
    const whole: LogRowsQuery = { channelIds: [3], order: 'oldest', ...day, ...query };
    const { sql: text, parameters } = logPage(whole, 1_000).compile(session.sql);
    return session.query(text, parameters);
  });
}

function nodes(plan: PlanNode): (PlanNode & { executed: boolean })[] {
  const executed = (plan as { 'Actual Loops'?: number })['Actual Loops'] !== 0;
  return [{ ...plan, executed }, ...(plan.Plans ?? []).flatMap(nodes)];
}

/** Partitions that were read, and how: `messages_2026_02 by messages_2026_02_channel_id_ts_idx`. */
function partitionsOf(plans: readonly PlanNode[]): string[] {
  return plans
    .flatMap(nodes)
    .filter((node) => node.executed && node['Relation Name']?.startsWith('messages_'))
    .map((node) => `${node['Relation Name']} by ${node['Index Name'] ?? node['Node Type']}`);
}

function scansOf(plans: readonly PlanNode[]): string[] {
  return plans
    .flatMap(nodes)
    .filter((node) => node.executed && node['Node Type'] === 'Seq Scan')
    .map((node) => node['Relation Name']!);
}

/** Tables that grow with the messages. */
const LARGE = /^(messages_|mod_actions|user_days|hourly_stats)/;
const largeScans = (plans: readonly PlanNode[]) => scansOf(plans).filter((name) => LARGE.test(name));

describe('a page of a log', () => {
  it.each<[string, Partial<LogRowsQuery>, RegExp]>([
    ['a channel day', {}, /channel_id_ts/],
    ['a channel day, newest first', { order: 'newest' }, /channel_id_ts/],
    ['a channel day, of some types', { types: [0, 3, 4] }, /channel_id_ts/],
    [
      'a channel day, further on',
      { after: { tsMs: day.fromMs + 3_600_000, key: '00000000-0000-0000-0000-000000000000' } },
      /channel_id_ts/,
    ],
    ['a day of a silent channel', { channelIds: [100] }, /channel_id_ts/],
    ['a day of a renamed channel', { channelIds: [3, 7] }, /channel_id_ts/],
    ['a month of a user', { ...month, userId: 17 }, /user_id_channel_id_ts|_pkey/],
    ['a month of a silent user', { ...month, userId: 1_999, order: 'newest' }, /user_id_channel_id_ts|_pkey/],
    ['a search', { ...month, userId: 17, contains: 'word' }, /user_id_channel_id_ts/],
  ])('reads one month, by an index of its own: %s', async (_, query, index) => {
    const plans = await planOfPage(query);
    const partitions = partitionsOf(plans);
    expect(partitions.length).toBeGreaterThan(0);
    for (const partition of partitions) {
      expect(partition).toMatch(/^messages_2026_?02/);
      expect(partition).toMatch(index);
    }
    expect(largeScans(plans)).toEqual([]);
  });
});

describe('other questions of log viewers', () => {
  const name = (session: Session) => session.query('SELECT login FROM user_names WHERE user_id = 17');
  it.each<[string, (session: Session) => Promise<unknown>]>([
    [
      'where the index begins',
      (session) =>
        indexBoundaryMs(
          session,
          { platform: 'twitch', names: ['channel_3'], ids: [3] },
          config,
          Date.UTC(2026, 3, 20),
        ),
    ],
    ['days of a channel', (session) => daysOfChannel(session, [3])],
    ['months of a user', (session) => monthsOfUser(session, 17, [3])],
    ['a user by id', (session) => userById(session, 'twitch', '17')],
    ['names of a user', (session) => nameHistory(session, 17)],
    [
      'a random line of a user',
      (session) => randomRow(session, { channelIds: [3], userId: 17, fromMs: 0, draws: [0.5, 0.5] }),
    ],
    ['a random line', (session) => randomRow(session, { channelIds: [3], fromMs: 0, draws: [0.5, 0.5] })],
    [
      'messages of a user',
      (session) => countByUser(session, { channelIds: [3], userId: 17, range: undefined, rowsMax: 1 }),
    ],
    [
      'messages in parts of days',
      (session) => countMessages(session, [3], { fromMs: day.fromMs + 5_000, toMs: day.toMs + 5_000 }),
    ],
  ])('scan no large table: %s', async (_, work) => {
    expect(largeScans(await plansOf(work))).toEqual([]);
  });

  it('scan no large table: a user by name', async () => {
    const login = await database.read(async (session) => (await name(session)).rows[0]!.login as string);
    const plans = await plansOf((session) => userByLogin(session, 'twitch', login));
    expect(largeScans(plans)).toEqual([]);
  });

  it('about what all users wrote read the channel’s days alone', async () => {
    const plans = await plansOf((session) =>
      countByUser(session, { channelIds: [3], range: { fromMs: day.fromMs, toMs: day.toMs }, rowsMax: 5 }),
    );
    expect(scansOf(plans).filter((each) => /^(messages_|user_days)/.test(each))).toEqual([]);
  });
});
