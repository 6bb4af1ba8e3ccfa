import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type TestDatabase } from '../../../test/support/databases.ts';
import { type Explained, explainedDatabase, planNodes } from '../../../test/support/explained-database.ts';
import { openApi, type TestApi } from '../../../test/support/query-fixture.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { COMMON_WORD, RARE_WORD, SOME_WORD, seedIndex } from '../../../test/support/seed-index.ts';
import { createTrigramIndex } from '../optional-indexes.ts';

const START = Date.UTC(2026, 6, 1);
const NOW = Date.UTC(2026, 8, 28, 12);
/** Tables of thousands of rows at most, and months that are empty, are read as a whole. */
const SMALL = /^(channels|retention_floors|pg_inherits|pg_class|messages_2026_1[012])$/;
const MONTH = { since: '2026-08-03', until: '2026-08-29' };
const AUGUST = `since=${MONTH.since}&until=${MONTH.until}`;

interface Shipped {
  url: string;
  /** Indexes of `messages` that at least one statement has to use, as the migration names them. */
  uses: string[];
  /** All that is asked for lies in August. */
  isInAugust?: boolean;
  /** Tables of which all rows are asked for. */
  whole?: string[];
}

const MESSAGE_INDEXES: Readonly<Record<string, RegExp>> = {
  messages_pkey: /_pkey$/,
  messages_by_channel: /_channel_id_ts_idx$/,
  messages_by_user: /_user_id_channel_id_ts_idx$/,
  messages_by_time: /^messages_\d+_\d+_ts_idx$/,
  messages_by_reply: /_reply_key_idx$/,
  messages_failed: /_ts_idx1$/,
  messages_media: /_channel_id_ts_idx1$/,
  messages_commands: /_command_ts_idx$/,
  messages_text: /_to_tsvector_idx$/,
};

/** What keeps rows unique, and what loading and the archive's side look things up by. */
const OF_OTHERS = [
  'mod_actions_by_message',
  'mod_actions_pkey',
  'segments_by_lines',
  'segments_pkey',
  'sessions_by_presence',
  'sessions_stale_by_user',
  'templates_hash_key',
];

const SHIPPED: Shipped[] = [
  { url: '/api/messages', uses: ['messages_by_time'], whole: ['daily_stats'] },
  { url: `/api/messages?${AUGUST}`, uses: ['messages_by_time'], isInAugust: true },
  { url: '/api/messages?channel=channel_1', uses: ['messages_by_channel'] },
  { url: '/api/messages?channel=channel_20&order=oldest', uses: ['messages_by_channel'] },
  { url: `/api/messages?channel=channel_2&${AUGUST}`, uses: ['messages_by_channel'], isInAugust: true },
  {
    url: `/api/messages?channel=channel_2&order=oldest&${AUGUST}`,
    uses: ['messages_by_channel'],
    isInAugust: true,
  },
  {
    url: '/api/messages?channel=channel_2&since=2026-08-03T00:00:00Z&until=2026-08-03T04:00:00Z',
    // Some forty rows: whichever index.
    uses: [],
    isInAugust: true,
  },
  { url: '/api/messages?platform=twitch', uses: ['messages_by_time'], whole: ['daily_stats'] },
  { url: '/api/messages?user=id:1', uses: ['messages_by_user'] },
  { url: '/api/messages?user=id:2000', uses: ['messages_by_user'] },
  { url: '/api/messages?user=id:5&order=oldest', uses: ['messages_by_user'] },
  { url: '/api/messages?user=id:7&channel=channel_3', uses: ['messages_by_user'] },
  { url: `/api/messages?user=id:7&${AUGUST}`, uses: ['messages_by_user'], isInAugust: true },
  { url: '/api/messages?channel=channel_1&direction=outgoing', uses: ['messages_by_channel'] },
  { url: '/api/messages?channel=channel_1&badge=vip/1', uses: ['messages_by_channel'] },
  { url: '/api/messages?user=id:9&badge=vip/1&direction=outgoing&type=all', uses: ['messages_by_user'] },
  { url: '/api/messages?command=rare', uses: ['messages_commands'] },
  { url: `/api/messages?command=points&${AUGUST}`, uses: ['messages_commands'], isInAugust: true },
  { url: '/api/messages/failed', uses: ['messages_failed'] },
  { url: '/api/messages/failed?channel=channel_9', uses: ['messages_failed'] },
  { url: '/api/messages/media', uses: ['messages_media'] },
  { url: `/api/messages/media?channel=channel_4&${AUGUST}`, uses: ['messages_media'], isInAugust: true },
  { url: `/api/messages/search?q=${RARE_WORD}`, uses: ['messages_text', 'messages_pkey'] },
  { url: `/api/messages/search?q=${SOME_WORD}`, uses: ['messages_text'] },
  { url: `/api/messages/search?q=${COMMON_WORD}&sort=newest`, uses: [] },
  {
    url: `/api/messages/search?q=${RARE_WORD}&channel=channel_1&${AUGUST}`,
    uses: ['messages_text'],
    isInAugust: true,
  },
  { url: `/api/messages?search=${SOME_WORD}&order=oldest`, uses: ['messages_text'] },
  { url: `/api/messages?search=-${COMMON_WORD}`, uses: [] },
  { url: '/api/messages?search=absent+words&user=id:3', uses: ['messages_text'] },
  { url: '/api/messages/REPLY', uses: ['messages_pkey', 'messages_by_reply', 'messages_by_channel'] },
  { url: '/api/users/user_c4ca4238a0b923820dcc509a6f75849b', uses: [] },
  { url: '/api/users?search=user_c4', uses: [] },
  { url: '/api/users?search=4238a0', uses: [] },
  { url: '/api/users/id:3/messages', uses: ['messages_by_user'] },
  { url: '/api/users/id:3/mod-actions', uses: [] },
  { url: '/api/users/id:3/stats', uses: [] },
  { url: '/api/users/id:3/sessions', uses: [] },
  { url: '/api/mod-actions', uses: [] },
  { url: '/api/mod-actions?channel=channel_7&type=ban', uses: [] },
  { url: '/api/mod-actions?moderator=mod_3', uses: [] },
  { url: '/api/mod-actions?target=id:4', uses: [] },
  { url: '/api/mod-actions/recent', uses: [] },
  { url: '/api/mod-actions/stats', uses: [] },
  { url: '/api/channels', uses: [] },
  { url: '/api/channels/channel_1', uses: [] },
  { url: '/api/channels/channel_1/stats', uses: [] },
  { url: '/api/stats', uses: [], whole: ['daily_stats', 'users'] },
  { url: '/api/stats?since=2026-09-20', uses: [], whole: ['daily_stats', 'users'] },
  { url: '/api/segments', uses: [] },
  { url: '/api/segments?channel=channel_1&since=2026-08-01&until=2026-08-05', uses: [] },
  { url: '/api/gaps', uses: [] },
  { url: '/api/gaps?channel=channel_1', uses: [] },
];

describe('every question of the API', () => {
  let database: TestDatabase;
  let api: TestApi;
  const explained: Explained[] = [];
  const used = new Set<string>();

  beforeAll(async () => {
    database = await openDatabase('PostgreSQL 15');
    await seedIndex(database, { rows: 60_000, channels: 20, users: 3_000, startMs: START, months: 3 });
    expect(await createTrigramIndex(database, silentLog)).toBe(true);
    await database.session((session) => session.exec('VACUUM ANALYZE'));
    api = await openApi({ database: explainedDatabase(database, explained), overrides: { now: () => NOW } });
  });
  afterAll(async () => {
    await api?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
  });

  async function ask(url: string): Promise<Explained[]> {
    explained.length = 0;
    const { rows } = await database.read((session) =>
      session.query('SELECT key FROM messages WHERE reply_key IS NOT NULL ORDER BY ts DESC LIMIT 1'),
    );
    const { status, body } = await api.get(url.replace('REPLY', String(rows[0]!.key)), {
      authorization: api.authorization,
    });
    expect(status, JSON.stringify(body)).toBe(200);
    for (const { plan } of explained)
      for (const { 'Index Name': index } of planNodes(plan)) if (index !== undefined) used.add(index);
    return [...explained];
  }

  it.each(SHIPPED)('reads along indexes: $url', async ({ url, uses, isInAugust, whole = [] }) => {
    // Whether the archive has more is another question than what the index has.
    const asked = (await ask(url)).filter(({ sql }) => !sql.includes('retention_floors'));
    expect(asked.length).toBeGreaterThan(0);
    const nodes = asked.flatMap(({ sql, plan }) => planNodes(plan).map((node) => ({ sql, ...node })));
    const scans = nodes.filter(
      ({ 'Node Type': type, 'Relation Name': table = '' }) =>
        type === 'Seq Scan' && !SMALL.test(table) && !whole.includes(table),
    );
    expect(scans.map((node) => [node['Relation Name'], node.sql])).toEqual([]);
    for (const name of uses) {
      const index = MESSAGE_INDEXES[name]!;
      expect(
        nodes.map((node) => node['Index Name'] ?? '').filter((each) => index.test(each)),
        name,
      ).not.toEqual([]);
    }
    // Who speaks in many channels would have it read for each of them.
    if (uses.includes('messages_by_user'))
      expect(
        nodes.filter((node) => MESSAGE_INDEXES.messages_by_time!.test(node['Index Name'] ?? '')),
      ).toEqual([]);
    if (!isInAugust) return;
    const partitions = new Set(
      nodes.map((node) => node['Relation Name']).filter((name) => name?.startsWith('messages_2')),
    );
    expect([...partitions]).toEqual(['messages_2026_08']);
  });

  it('uses every index but those that the loader and the archive need', async () => {
    const { rows } = await database.read((session) =>
      session.query(`SELECT coalesce(p.relname, c.relname) AS name, c.relname AS own
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
          LEFT JOIN pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = h.inhparent
        WHERE t.relname ~ '^(messages_2|message_|mod_actions|users|user_names|user_days|templates|sessions|gaps|hourly_stats|daily_stats|segments)'`),
    );
    const idle = new Set(rows.map(({ name }) => name as string));
    for (const { name, own } of rows) if (used.has(own as string)) idle.delete(name as string);
    expect([...idle].sort()).toEqual(OF_OTHERS);
  });
});
