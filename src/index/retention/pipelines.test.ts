import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { zstdDecompressSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, postgresServer } from '../../../test/support/databases.ts';
import {
  chatEvent,
  dayOfChat,
  type RetentionWorld,
  retentionWorld,
} from '../../../test/support/retention-world.ts';
import { collect, sampleLines, writeObjectBody } from '../../../test/support/segments.ts';
import { waitFor } from '../../../test/support/wait-for.ts';
import type { ChatEvent } from '../../event.ts';
import { OPEN_GATE, type PrivacyGate } from '../../privacy/privacy-gate.ts';
import type { Database } from '../database/database.ts';
import { DAY_MS } from './due-ranges.ts';
import { maintain } from './maintain.ts';
import { readExportedRows } from './steps/write-parquet.ts';

const NOW = Date.parse('2026-11-21T04:10:00Z');
const DAY = Date.parse('2026-11-10T00:00:00Z');
const signal = AbortSignal.timeout(600_000);
const POLICY = { attempts_max: 2, backoff: { min_seconds: 60, max_seconds: 600 } };

beforeAll(() => postgresServer('PostgreSQL 15'));

async function rows(database: Database, sql: string): Promise<Record<string, unknown>[]> {
  return database.transaction(async (session) => (await session.query(sql)).rows);
}

function configOf(...steps: object[]): object {
  return {
    defaults: { retention_days: 3, pipelines: ['p'] },
    pipelines: { p: steps },
    maintenance: POLICY,
  };
}

/** One due day of a channel with a conversation in it. */
async function oneDay(
  database: Database,
  ...steps: object[]
): Promise<RetentionWorld & { events: ChatEvent[] }> {
  const world = await retentionWorld(database, { nowMs: DAY + DAY_MS, config: configOf(...steps) });
  const said = dayOfChat('c', DAY, 20, (index) => ({
    message: `${'x'.repeat(index)}${index === 7 ? ' SPEEDRUN' : ''}`,
    ...(index === 3 && { badges: ['moderator/1'] }),
  }));
  const noon = DAY + 15 * 3_600_000;
  const events: ChatEvent[] = [
    ...said,
    chatEvent('c', noon, { username: 'user1', user_id: '101', reply_to: said[0]!.id!, message: 'an answer' }),
    chatEvent('c', noon + 1_000, {
      type: 'timeout',
      username: '',
      user_id: '',
      message: '',
      display_name: undefined,
      target: 'user2',
      target_user_id: '102',
      duration_seconds: 600,
      id: undefined,
    }),
  ].map((event) => JSON.parse(JSON.stringify(event)) as ChatEvent);
  await world.record(events);
  world.nowMs = NOW;
  return Object.assign(world, { events });
}

describe('steps in the database', () => {
  it.each(['PGlite', 'PostgreSQL 15'] as const)(
    'keep activity, summary, messages and scores in %s, and leave them when the day goes',
    { timeout: 120_000 },
    async (kind) => {
      await using database = await openDatabase(kind);
      await using world = await oneDay(
        database,
        { step: 'user_activity' },
        { step: 'channel_summary' },
        { step: 'keep', moderators: true, replies: true, words: ['speedrun'], users: ['USER4'] },
        { step: 'user_scores', message: 1, reply: 5, timeout: -10 },
        { step: 'sql', statement: 'CREATE TABLE IF NOT EXISTS own AS SELECT 1 AS n' },
        {
          step: 'sql',
          statement:
            'INSERT INTO own SELECT count(*) FROM messages WHERE channel_id = $1 AND ts >= $2 AND ts < $3',
        },
      );

      const report = await maintain({}, world.tools, signal);

      expect(report).toMatchObject({ waitingTotal: 0, rows: { messages: 22 } });
      expect(
        await rows(
          database,
          'SELECT login, messages, avg_length, mod_actions FROM kept_user_activity ORDER BY login',
        ),
      ).toEqual([
        { login: 'user0', messages: 4, avg_length: 7.5, mod_actions: 0 },
        { login: 'user1', messages: 5, avg_length: (1 + 6 + 11 + 16 + 9) / 5, mod_actions: 0 },
        { login: 'user2', messages: 4, avg_length: 9.5 + 9 / 4, mod_actions: 1 },
        { login: 'user3', messages: 4, avg_length: 10.5, mod_actions: 0 },
        { login: 'user4', messages: 4, avg_length: 11.5, mod_actions: 0 },
      ]);
      const [kept] = await rows(database, 'SELECT summary FROM kept_channel_summaries');
      expect(kept?.summary).toMatchObject({
        lines: 22,
        messages: 21,
        users: 5,
        replies: 1,
        deleted: 5 - 1,
        modActions: { timeout: 1 },
        topUsers: [{ login: 'user1', messages: 5 }, {}, {}, {}, {}],
      });
      const lines = await rows(database, 'SELECT line FROM kept_messages ORDER BY ts, key');
      const expected = world.events.filter(
        ({ username, message, badges, reply_to }) =>
          username === 'user4' || message.includes('SPEEDRUN') || badges?.length || reply_to,
      );
      expect(lines.map(({ line }) => line)).toEqual(expected.map((event) => JSON.stringify(event)));
      expect(
        await rows(
          database,
          'SELECT login, score, days FROM user_scores s JOIN user_names n ON n.user_id = s.user_id ORDER BY login',
        ),
      ).toEqual([
        { login: 'user0', score: 4, days: 1 },
        { login: 'user1', score: 10, days: 1 },
        { login: 'user2', score: -6, days: 1 },
        { login: 'user3', score: 4, days: 1 },
        { login: 'user4', score: 4, days: 1 },
      ]);
      expect(await rows(database, 'SELECT n FROM own ORDER BY n')).toEqual([{ n: 1 }, { n: 22 }]);
    },
  );

  it('add to running scores day by day', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'user_scores' });
    world.nowMs = DAY + 2 * DAY_MS;
    await world.record(dayOfChat('c', DAY + DAY_MS, 5));
    world.nowMs = NOW;
    await maintain({}, world.tools, signal);
    expect(
      await rows(
        database,
        "SELECT score, days FROM user_scores s JOIN user_names n ON n.user_id = s.user_id WHERE n.login = 'user0'",
      ),
    ).toEqual([{ score: 5, days: 2 }]);
  });

  it('are undone with their mark where they fail, and an SQL statement cannot slip out of its transaction', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'user_scores' }, { step: 'sql', statement: 'COMMIT' });
    const report = await maintain({}, world.tools, signal);
    expect(report.waiting[0]?.reason).toContain('ended the transaction');
    expect(await rows(database, 'SELECT state, steps_done, attempts FROM pipeline_runs')).toEqual([
      { state: 'failed', steps_done: 1, attempts: 1 },
    ]);
    world.configure(
      configOf({ step: 'user_scores' }, { step: 'sql', statement: 'SELECT 1 / ($1::int - $1::int)' }),
    );
    world.nowMs += 600_000;
    const second = await maintain({}, world.tools, signal);
    expect(second.waiting[0]?.pipelines).toMatchObject([
      { name: 'p', state: 'dead', error: expect.stringContaining('division by zero') },
    ]);
    expect(second.dead).toBe(1);

    // Edited into what works, and asked for: the scores of the first step stand once.
    world.configure(configOf({ step: 'user_scores' }, { step: 'sql', statement: 'SELECT 1' }));
    expect((await maintain({}, world.tools, signal)).dead).toBe(1);
    expect((await maintain({ retry: true }, world.tools, signal)).waitingTotal).toBe(0);
    expect(await rows(database, 'SELECT sum(score) AS score, max(days) AS days FROM user_scores')).toEqual([
      { score: 21, days: 1 },
    ]);
    expect(await rows(database, 'SELECT count(*) AS n FROM messages')).toEqual([{ n: 0 }]);
  });
});

describe('export', () => {
  it('gives the archive’s lines back byte for byte, and the same rows as Parquet', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(
      database,
      { step: 'export' },
      { step: 'export', format: 'parquet', prefix: 'lake/' },
    );

    await maintain({}, world.tools, signal);

    const jsonl = await collect(world.store.get('exports/p/2026/11/10/twitch/c.jsonl.zst', signal));
    expect(zstdDecompressSync(jsonl).toString()).toBe(
      world.events.map((event) => `${JSON.stringify(event)}\n`).join(''),
    );
    const head = await world.store.head('lake/p/2026/11/10/twitch/c.parquet', signal);
    expect(head?.description).toMatchObject({ lines: 22, objectBytes: head?.bytes });
    const duck = await (await DuckDBInstance.create()).connect();
    const file = world.directory.join('archive/lake/p/2026/11/10/twitch/c.parquet');
    const types = await duck.runAndReadAll(`DESCRIBE SELECT * FROM '${file}'`);
    expect(Object.fromEntries(types.getRows().map(([name, type]) => [name, type]))).toMatchObject({
      timestamp: expect.stringMatching(/^TIMESTAMP/),
      username: 'VARCHAR',
      duration_seconds: 'DOUBLE',
      deleted_at: expect.stringMatching(/^TIMESTAMP/),
    });
    const read = await duck.runAndReadAll(
      `SELECT epoch_ms("timestamp") AS ms, username, message, type, duration_seconds, target, deleted_at IS NOT NULL AS gone FROM '${file}'`,
    );
    const all = read.getRowObjectsJson();
    const exported = await readExportedRows(await readFile(file));
    expect(exported.map(({ line }) => line)).toEqual(world.events.map((event) => JSON.stringify(event)));
    expect(all.at(-1)).toMatchObject({
      type: 'timeout',
      duration_seconds: 600,
      target: 'user2',
      username: '',
    });
    expect(all[7]).toMatchObject({
      username: 'user2',
      message: 'xxxxxxx SPEEDRUN',
      gone: true,
      type: 'message',
    });
    expect(Number(all[0]?.ms)).toBe(Date.parse(world.events[0]!.timestamp));
  });

  it('finds its own object again, and never touches one that holds something else', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(
      database,
      { step: 'export' },
      { step: 'sql', statement: 'SELECT 1 / ($1::int - $1::int)' },
    );
    await maintain({}, world.tools, signal);
    const key = 'exports/p/2026/11/10/twitch/c.jsonl.zst';
    const before = await world.store.head(key, signal);
    // As if the process had died between the object and the mark.
    await rows(database, "UPDATE pipeline_runs SET steps_done = 0, result = NULL, state = 'running'");
    world.configure(configOf({ step: 'export' }));
    expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(0);
    expect(await world.store.head(key, signal)).toEqual(before);
  });

  it.each(['jsonl', 'parquet'] as const)(
    'replaces its own earlier %s where somebody opted out since',
    async (format) => {
      await using database = await openDatabase('PostgreSQL 15');
      const failing = { step: 'sql', statement: 'SELECT 1 / ($1::int - $1::int)' } as const;
      await using world = await oneDay(database, { step: 'export', format }, failing);
      await maintain({}, world.tools, signal);
      const key = `exports/p/2026/11/10/twitch/c.${format === 'jsonl' ? 'jsonl.zst' : format}`;
      const before = await world.store.head(key, signal);
      await rows(database, "UPDATE pipeline_runs SET steps_done = 0, result = NULL, state = 'running'");
      world.configure(configOf({ step: 'export', format }));
      const privacy: PrivacyGate = {
        ...OPEN_GATE,
        isEmpty: false,
        isUserOptedOut: (_, userKey) => userKey === '103',
      };
      const report = await maintain({}, { ...world.tools, privacy }, signal);
      expect(report.waiting).toEqual([]);
      const after = await world.store.head(key, signal);
      expect(after?.description?.lines).toBeLessThan(before!.description!.lines);
    },
  );

  it('shows nothing of people who opted out, or are to be forgotten', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'export' });
    const privacy: PrivacyGate = {
      ...OPEN_GATE,
      isEmpty: false,
      isUserOptedOut: (_, userKey) => userKey === '103',
      forgottenUntilMs: (_, userKey) => (userKey === '102' ? DAY + DAY_MS : undefined),
    };
    await maintain({}, { ...world.tools, privacy }, signal);
    const object = await collect(world.store.get('exports/p/2026/11/10/twitch/c.jsonl.zst', signal));
    const text = zstdDecompressSync(object).toString();
    expect(text).not.toMatch(/"10[23]"|user[23]/);
    expect(text.trim().split('\n').length).toBeGreaterThan(10);
  });

  it('touches no object that holds something else', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'export' });
    const body = await writeObjectBody(world.directory.join('other'), sampleLines(3));
    const key = 'exports/p/2026/11/10/twitch/c.jsonl.zst';
    await world.store.put(key, body, signal);

    const report = await maintain({}, world.tools, signal);

    expect(report.waiting).toMatchObject([
      { channel: 'c', reason: expect.stringContaining('holds something else') },
    ]);
    expect((await world.store.head(key, signal))?.description).toEqual(body.description);
    await world.store.remove(key, signal);
    expect((await maintain({ retry: true }, world.tools, signal)).waitingTotal).toBe(0);
  });
});

describe('command', () => {
  const node = (script: string) => [process.execPath, '-e', script];

  it('is fed every line, and told which run it is', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'channel_summary' });
    const out = world.directory.join('out');
    const script = `const fs = require('fs'); const chunks = []; process.stdin.on('data', (chunk) => chunks.push(chunk)).on('end', () =>
      fs.writeFileSync(${JSON.stringify(out)}, JSON.stringify({ env: process.env, text: Buffer.concat(chunks).toString() })))`;
    world.configure(configOf({ step: 'command', argv: node(script) }));

    expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(0);

    const seen = JSON.parse(await readFile(out, 'utf8')) as { env: Record<string, string>; text: string };
    expect(seen.text).toBe(world.events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    expect(seen.env).toMatchObject({
      CHATLOG_PIPELINE: 'p',
      CHATLOG_PLATFORM: 'twitch',
      CHATLOG_CHANNEL: 'c',
      CHATLOG_DAY: '2026-11-10',
      CHATLOG_FROM: '2026-11-10T00:00:00.000Z',
      CHATLOG_TO: '2026-11-11T00:00:00.000Z',
      CHATLOG_KEY: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it.each([
    [
      'a bad exit code',
      'process.stderr.write("no such lake"); process.exit(3)',
      'exit code 3; it said: no such lake',
    ],
    ['a signal', 'process.kill(process.pid, "SIGKILL")', 'was ended by SIGKILL'],
    ['too much time', 'setInterval(() => {}, 1000)', 'took longer than 0.4 s'],
  ])('fails by %s', async (_, script, reason) => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'command', argv: node(script), timeout_seconds: 0.4 });
    const report = await maintain({}, world.tools, signal);
    expect(report.waiting[0]?.reason).toContain(reason);
    expect(report.nextAttemptAt).toBe(new Date(NOW + 60_000).toISOString());
    expect(await rows(database, 'SELECT count(*) AS n FROM messages')).toEqual([{ n: 22 }]);
  });

  it('says of a program that is not there that it is not there', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'command', argv: ['/no/such/program'] });
    expect((await maintain({}, world.tools, signal)).waiting[0]?.reason).toContain('ENOENT');
  });

  it('may stop reading before the end', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'command', argv: node('process.stdin.destroy()') });
    expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(0);
  });
});

describe('webhook', () => {
  it('posts a summary, under one key at every attempt, and follows no redirect', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    const seen: { key: string; secret: string; body: Record<string, unknown> }[] = [];
    const answers = [500, 302, 204];
    const server = createServer(async (request, response) => {
      const { 'idempotency-key': key, 'x-secret': secret } = request.headers;
      seen.push({ key: String(key), secret: String(secret), body: JSON.parse(await text(request)) });
      response
        .writeHead(answers[seen.length - 1]!, { location: 'http://127.0.0.1:9/elsewhere' })
        .end('sorry');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const url = `http://127.0.0.1:${port}/hook?token=hidden`;
      await using world = await oneDay(database, { step: 'webhook', url, headers: { 'X-Secret': 's' } });

      const first = await maintain({}, world.tools, signal);
      expect(first.waiting[0]?.reason).toContain(`http://127.0.0.1:${port}: answers 500 sorry`);
      expect(JSON.stringify(first)).not.toContain('hidden');
      world.nowMs += 30_000;
      expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(1);
      expect(seen).toHaveLength(1);
      world.nowMs += 30_000;
      expect((await maintain({}, world.tools, signal)).waiting[0]?.reason).toContain(
        'answers 302 and refers to',
      );
      expect((await maintain({ retry: true }, world.tools, signal)).waitingTotal).toBe(0);

      expect(new Set(seen.map(({ key }) => key)).size).toBe(1);
      expect(seen).toHaveLength(3);
      expect(seen[2]).toMatchObject({
        secret: 's',
        body: {
          pipeline: 'p',
          platform: 'twitch',
          channel: 'c',
          day: '2026-11-10',
          summary: { messages: 21 },
        },
      });
    } finally {
      server.close();
    }
  });
});

describe('a configuration that changes', () => {
  it('runs what is new for what still waits, and does not wait for what is gone', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'sql', statement: 'SELECT 1 / ($1::int - $1::int)' });
    expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(1);
    // Renamed: the new name begins at its beginning, the old one's run goes with the day.
    world.configure({
      defaults: { retention_days: 3, pipelines: ['q'] },
      pipelines: { q: [{ step: 'channel_summary' }] },
      maintenance: POLICY,
    });
    expect((await maintain({}, world.tools, signal)).waitingTotal).toBe(0);
    expect(await rows(database, 'SELECT pipeline, state FROM pipeline_runs')).toEqual([
      { pipeline: 'q', state: 'done' },
    ]);
    expect(await rows(database, 'SELECT pipeline FROM kept_channel_summaries')).toEqual([{ pipeline: 'q' }]);
  });

  it('keeps the data where a channel names a pipeline that is not there', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, { step: 'channel_summary' });
    world.configure({ defaults: { retention_days: 3, pipelines: ['lost'] } });
    const report = await maintain({}, world.tools, signal);
    expect(report.waiting[0]?.reason).toContain('it is not in the configuration');
    expect(await rows(database, 'SELECT count(*) AS n FROM messages')).toEqual([{ n: 22 }]);
  });
});

describe('being stopped', () => {
  it('gives the attempt back', async () => {
    await using database = await openDatabase('PostgreSQL 15');
    await using world = await oneDay(database, {
      step: 'command',
      argv: [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
    });
    const stop = new AbortController();
    const running = maintain({}, world.tools, stop.signal);
    await waitFor(
      'the attempt',
      async () => (await rows(database, "SELECT FROM pipeline_runs WHERE state = 'running'")).length,
    );
    stop.abort(new Error('stopping'));
    await expect(running).rejects.toThrow('stopping');
    expect(await rows(database, 'SELECT state, attempts FROM pipeline_runs')).toEqual([
      { state: 'pending', attempts: 0 },
    ]);
  });
});
