import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { corpusLines } from '../../test/support/corpus.ts';
import { DATABASES, openDatabase, type TestDatabase } from '../../test/support/databases.ts';
import { indexContents } from '../../test/support/index-contents.ts';
import { indexModel } from '../../test/support/index-model.ts';
import { indexConfig, loaderOn, segmentChunk } from '../../test/support/loader-fixture.ts';
import { memoryLogger } from '../../test/support/segments.ts';
import { parseTwitchLine } from '../connectors/twitch/twitch-line.ts';
import { makeDecision, personDigests } from '../privacy/decision.ts';
import { DecisionGate } from '../privacy/decision-gate.ts';
import { OPEN_GATE, type PrivacyGate } from '../privacy/privacy-gate.ts';
import type { Database } from './database/database.ts';
import { emptyIndex } from './empty-index.ts';
import { Loader } from './loader.ts';
import { messageKey } from './message-key.ts';
import { forgetIds, listPartitions, monthsAhead } from './partitions.ts';

const NOW = Date.UTC(2026, 10, 21, 13);
const DAY_MS = 86_400_000;

let serial = 0;
const lineOf = (members: object = {}) =>
  JSON.stringify({
    timestamp: '2026-11-21T12:00:00.123Z',
    channel: 'xqc',
    username: 'ann',
    user_id: '7',
    message: 'hello',
    platform: 'twitch',
    id: `id ${++serial}`,
    ...members,
  });
const at = (ms: number) => ({ timestamp: new Date(ms).toISOString() });

describe.each(DATABASES)('the loader on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase(kind);
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(() => emptyIndex(database, NOW));

  it('keeps lines of every kind of oddity and gives them back as they were', async () => {
    const lines = [
      lineOf({ message: 'a\tb\\n\nc\r\\\\.', badges: ['\0', '\ud800'], platform_event: '\0' }),
      lineOf({ message: '\\.', username: 'q"\'', display_name: '\ud83d' }),
      lineOf({ username: '', user_id: '', message: '\0', tags: { __proto__: null, '\0': '' } }),
      lineOf({ tags: { a: '1' } }).replace('"a"', '"b":"2","1"'),
      lineOf({ media: [{ url: 'x\0', '\ud800': ['\\u0000'] }], channel: '\ue000 #x' }),
      lineOf({ message: `${'long '.repeat(12_000)}`, command: { name: '!x\0', status: '\ud800' } }),
      lineOf({ message: 'x'.repeat(50_001) }),
      // As many words as fit, each of which search knows in several ways.
      lineOf({ message: Array.from({ length: 4_500 }, (_, index) => `é${index}-b.c/d`).join(' ') }),
      lineOf({
        username: '\0'.repeat(110),
        display_name: '\ud800\0'.repeat(55),
        user_id: '\0\ud801'.repeat(55),
      }),
      lineOf({
        type: 'ban',
        moderator: '\0\ud801'.repeat(900),
        target: 'x\ud802'.repeat(900),
        duration_seconds: 1e300,
      }),
      lineOf({
        type: 'status',
        target_message_id: 'a',
        platform_event: '\0\ud801'.repeat(900),
        reason: '\0',
      }),
    ];
    await loaderOn(database, NOW).load([segmentChunk('odd', lines)]);
    const { messages } = await indexContents(database);
    expect(messages.map(({ line }) => line).sort()).toEqual([...lines].sort());
  });

  it('takes gaps, also those that say nothing of use', async () => {
    const gap = (members: object) =>
      lineOf({ type: 'gap', username: '', user_id: '', message: '', id: undefined, ...members });
    const lines = [
      gap({
        gap: { until: '2026-11-21T12:05:00.000Z', backfill: 'partial', filled: 2, dropped: 1 },
        reason: 'socket\0',
      }),
      gap({ gap: { until: '+275760-01-01T00:00:00.000Z', filled: -1 }, duration_seconds: 60 }),
      gap({ gap: 'x', reason: 7 }),
    ];
    await loaderOn(database, NOW).load([segmentChunk('gaps', lines)]);
    const gaps = (await indexContents(database)).gaps.map(({ key, ts, platform, channel, ...rest }) => rest);
    expect(gaps).toEqual(
      expect.arrayContaining([
        { until: '2026-11-21T12:05:00.000Z', reason: 'socket\0', backfill: 'partial', filled: 2, dropped: 1 },
        { until: '2026-11-21T12:01:00.123Z', reason: '', backfill: 'none', filled: 0, dropped: 0 },
        { until: '2026-11-21T12:00:00.123Z', reason: '', backfill: 'none', filled: 0, dropped: 0 },
      ]),
    );
  });

  it('counts what it cannot read, says so, and takes the rest', async () => {
    const log = memoryLogger();
    const loader = new Loader({ database, config: indexConfig, privacy: OPEN_GATE, log, now: () => NOW });
    const lines = [
      Buffer.from([0xff]),
      'no json',
      lineOf(),
      lineOf(at(Date.UTC(1999, 11, 31))),
      lineOf(at(NOW + 200 * DAY_MS)),
    ];
    expect(await loader.load([segmentChunk('a', lines)])).toEqual({
      inserted: 1,
      lines: 5,
      rejected: 4,
      stale: [],
    });
    expect(log.lines).toMatchObject([
      { level: 'warn', fields: { segment: 'a', rejected: 4, why: 'not UTF-8' } },
    ]);
  });

  it("takes a message that is there as another channel's for the same, and what comes with it", async () => {
    const loader = loaderOn(database, NOW);
    const line = lineOf({ id: 'both' });
    await loader.load([segmentChunk('a', [line])]);
    const renamed = lineOf({ id: 'both', channel: 'xqc_renamed' });
    const { inserted } = await loader.load([
      segmentChunk('b', [renamed, lineOf({ channel: 'xqc_renamed' })]),
    ]);
    expect(inserted).toBe(1);
    const { messages } = await indexContents(database);
    expect(messages.map((message) => message.line)).toContain(line);
    expect(messages).toHaveLength(2);
  });

  it('takes a chunk only where the ledger stands at its beginning', async () => {
    const loader = loaderOn(database, NOW);
    const first = segmentChunk('a', [lineOf(), lineOf()]);
    const next = { ...segmentChunk('a', [lineOf()]), fromByte: first.toByte, toByte: first.toByte + 100 };
    const stale = (bytes: number) => [{ source: 'archive', name: 'a', bytes }];
    expect(await loader.load([next])).toEqual({ inserted: 0, lines: 0, rejected: 0, stale: stale(0) });
    expect(await loader.load([first, next])).toMatchObject({ inserted: 3, lines: 3, stale: [] });
    expect(await loader.load([first])).toEqual({
      inserted: 0,
      lines: 0,
      rejected: 0,
      stale: stale(next.toByte),
    });
    expect(await loader.load([{ ...first, source: 'local:1' }])).toMatchObject({
      inserted: 0,
      lines: 2,
      stale: [],
    });
  });

  it('notes in the ledger what was loaded, and when a segment is complete', async () => {
    const loader = loaderOn(database, NOW);
    const chunk = segmentChunk('a', [lineOf(at(NOW - 5_000)), lineOf(at(NOW - 9_000)), 'odd']);
    await loader.load([{ ...chunk, startMs: NOW - 60_000 }]);
    const end = { linesSha256: 'abc', objectKey: 'k', objectBytes: 9, instance: 'i' };
    await loader.load([{ ...chunk, lines: [], fromByte: chunk.toByte, end }]);
    const [row] = await database.read((session) => session.sql.selectFrom('segments').selectAll().execute());
    expect(row).toMatchObject({
      bytes: chunk.toByte,
      lines: 3,
      inserted: 2,
      rejected: 1,
      first_ts: new Date(NOW - 9_000),
      last_ts: new Date(NOW - 5_000),
      complete: true,
      lines_sha256: 'abc',
      object_key: 'k',
      object_bytes: 9,
      instance: 'i',
    });
  });

  it('loads real chat as a plain model has it', async () => {
    const wires = corpusLines().slice(0, 500);
    const lines = wires.map((wire) => JSON.stringify(parseTwitchLine(wire, Date.UTC(2019, 8, 15, 1)).event));
    const loader = loaderOn(database, NOW);
    await loader.load([segmentChunk('a', lines)]);
    await loader.derive();
    expect(await indexContents(database)).toEqual(indexModel([lines]));
  });
});

describe('the loader', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openDatabase('PostgreSQL 15');
  });
  afterAll(() => database[Symbol.asyncDispose]());
  beforeEach(() => emptyIndex(database, NOW));

  const texts = async () => (await indexContents(database)).messages.map(({ text }) => text).sort();

  it('loads nothing of days that retention has passed, by channel or by default', async () => {
    const config = indexConfig({
      defaults: { retention_days: 10 },
      twitch: { channels: [{ name: 'xqc', retention_days: 'forever' }] },
    });
    const ageDays = (days: number, channel: string) =>
      lineOf({ ...at(NOW - days * DAY_MS), channel, message: `${channel} ${days}` });
    const lines = [ageDays(400, 'xqc'), ageDays(10, 'lirik'), ageDays(11, 'lirik'), ageDays(1, 'lirik')];
    const gap = { until: new Date(NOW).toISOString(), backfill: 'none', filled: 0 };
    lines.push(lineOf({ ...at(NOW - 20 * DAY_MS), channel: 'lirik', type: 'gap', gap, id: undefined }));
    await loaderOn(database, NOW, config).load([segmentChunk('a', lines)]);
    expect(await texts()).toEqual(['lirik 1', 'lirik 10', 'xqc 400']);
    expect((await indexContents(database)).gaps).toEqual([]);
  });

  it('takes nothing below the floor of a channel', async () => {
    const loader = loaderOn(database, NOW);
    await loader.load([segmentChunk('a', [lineOf({ message: 'now' })])]);
    await database.transaction(async (session) => {
      const floor = new Date(NOW - DAY_MS).toISOString();
      await session.query('INSERT INTO retention_floors SELECT id, $1::timestamptz FROM channels', [floor]);
    });
    const lines = [lineOf({ ...at(NOW - 2 * DAY_MS), message: 'old' }), lineOf({ message: 'new' })];
    const elsewhere = lineOf({ ...at(NOW - 2 * DAY_MS), message: 'old elsewhere', channel: 'lirik' });
    await loader.load([segmentChunk('b', [...lines, elsewhere])]);
    expect(await texts()).toEqual(['new', 'now', 'old elsewhere']);
    await database.transaction((session) => session.exec('TRUNCATE retention_floors'));
  });

  it('does not heed a floor that is yet to come, made by a clock that ran ahead', async () => {
    const loader = loaderOn(database, NOW);
    await loader.load([segmentChunk('a', [lineOf({ message: 'one' })])]);
    await database.transaction(async (session) => {
      const floor = new Date(NOW + 2 * DAY_MS).toISOString();
      await session.query('INSERT INTO retention_floors SELECT id, $1::timestamptz FROM channels', [floor]);
    });
    await loader.load([segmentChunk('b', [lineOf({ message: 'two' })])]);
    expect(await texts()).toEqual(['one', 'two']);
    await database.transaction((session) => session.exec('TRUNCATE retention_floors'));
  });

  it('takes nothing that people asked not to be kept', async () => {
    const purged = 'purged message';
    const privacy: PrivacyGate = {
      isEmpty: false,
      isUserOptedOut: (platform, key) => platform === 'twitch' && key === 'out',
      isChannelOptedOut: (_, channel) => channel === 'closed',
      forgottenUntilMs: (_, key) => (key === 'gone' || key === '~gone' ? NOW - 1_000 : undefined),
      isMessagePurged: (platform, key) => key === messageKey(platform, purged),
    };
    const lines = [
      lineOf({ user_id: 'out' }),
      lineOf({ user_id: 'out', platform: 'kick', message: 'elsewhere' }),
      lineOf({ channel: 'closed' }),
      lineOf({ user_id: 'gone', ...at(NOW - 1_000) }),
      lineOf({ user_id: 'gone', ...at(NOW - 999), message: 'came back' }),
      lineOf({ user_id: '', username: 'Gone', ...at(NOW - 5_000) }),
      lineOf({ type: 'ban', username: '', user_id: '', target_user_id: 'out', target: 'o' }),
      lineOf({ type: 'delete', username: '', user_id: '', target: 'gone', ...at(NOW - 5_000) }),
      lineOf({ id: purged }),
      lineOf({ message: 'stays' }),
    ];
    const log = memoryLogger();
    await new Loader({ database, config: indexConfig, privacy, log, now: () => NOW }).load([
      segmentChunk('a', lines),
    ]);
    expect(await texts()).toEqual(['came back', 'elsewhere', 'stays']);
    expect((await indexContents(database)).users.map(({ user_key }) => user_key)).toEqual([
      'out',
      '7',
      'gone',
    ]);
  });

  it('takes nothing of whom was forgotten after their lines were read', async () => {
    const gate = new DecisionGate();
    const user = personDigests('twitch', 'gone', []);
    const forgets: Database = {
      ...database,
      transaction: (work, options) => {
        gate.add(makeDecision({ kind: 'forget', platform: 'twitch', user, by: 'test' }, NOW));
        return database.transaction(work, options);
      },
    };
    const parts = { config: indexConfig, privacy: gate, log: memoryLogger(), now: () => NOW };
    const lines = [lineOf({ user_id: 'gone' }), lineOf({ message: 'stays' })];
    await new Loader({ database: forgets, ...parts }).load([segmentChunk('a', lines)]);
    expect(await texts()).toEqual(['stays']);
  });

  it('makes the partitions of whatever months lines are of', async () => {
    const lines = [lineOf(at(Date.UTC(2004, 1, 29))), lineOf(at(Date.UTC(2019, 11, 31))), lineOf(at(NOW))];
    await loaderOn(database, NOW).load([segmentChunk('a', lines)]);
    const months = (await database.read((session) => listPartitions(session))).map(({ month }) => month);
    expect(months).toEqual(expect.arrayContaining(['2004-02', '2019-12', '2026-11']));
    expect(monthsAhead(NOW)).toEqual(['2026-11', '2026-12', '2027-01', '2027-02']);
  });

  it('trusts no id that it remembers after rows were removed', async () => {
    const loader = loaderOn(database, NOW);
    await loader.load([segmentChunk('a', [lineOf({ message: 'first' })])]);
    await database.transaction(async (session) => {
      await session.exec(
        'TRUNCATE messages, templates, user_days, user_names; DELETE FROM users; DELETE FROM channels',
      );
      await session.exec('DROP TABLE messages_2026_11');
      await forgetIds(session);
    });
    await loader.load([segmentChunk('b', [lineOf({ message: 'second' })])]);
    expect(await texts()).toEqual(['second']);
  });

  it('forgets the ids of a transaction that was rolled back', async () => {
    let fails = true;
    const failing = {
      ...database,
      transaction: ((work, options) =>
        database.transaction(async (session) => {
          const result = await work(session);
          if (fails) throw new Error('rolled back');
          return result;
        }, options)) as TestDatabase['transaction'],
    };
    const loader = loaderOn(failing, NOW);
    const chunk = segmentChunk('a', [lineOf({ message: 'once' })]);
    await expect(loader.load([chunk])).rejects.toThrow('rolled back');
    fails = false;
    await loader.load([chunk]);
    expect(await texts()).toEqual(['once']);
  });

  it('may be asked again before it has answered, and by several at once', async () => {
    const lines = Array.from({ length: 300 }, (_, index) =>
      lineOf({ username: `u${index % 9}`, user_id: `${index % 9}` }),
    );
    const chunks = Array.from({ length: 6 }, (_, index) =>
      segmentChunk(`c${index}`, lines.slice(index * 50, index * 50 + 50)),
    );
    const loaders = [loaderOn(database, NOW), loaderOn(database, NOW)];
    const outcomes = await Promise.all(
      chunks.flatMap((chunk) => loaders.map((loader) => loader.load([chunk]))),
    );
    expect(outcomes.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(300);
    await loaders[0]!.derive();
    expect(await indexContents(database)).toEqual(indexModel([lines]));
  });

  it('stops when it is told to, leaving nothing behind', async () => {
    const stop = new AbortController();
    const loading = loaderOn(database, NOW).load(
      [
        segmentChunk(
          'a',
          Array.from({ length: 2_000 }, () => lineOf()),
        ),
      ],
      stop.signal,
    );
    stop.abort();
    await expect(loading).rejects.toThrow();
    expect(await texts()).toEqual([]);
  });
});
