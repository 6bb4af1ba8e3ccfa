import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DATABASES, openDatabase } from '../../../test/support/databases.ts';
import { indexContents } from '../../../test/support/index-contents.ts';
import { indexSegments } from '../../../test/support/index-lines.ts';
import { indexModel } from '../../../test/support/index-model.ts';
import { indexConfig } from '../../../test/support/loader-fixture.ts';
import { silentLog } from '../../../test/support/recorder-fixture.ts';
import { writeObjectBody } from '../../../test/support/segments.ts';
import { tempDir } from '../../../test/support/temp-dir.ts';
import type { ChatEvent } from '../../event.ts';
import type { Database } from '../../index/database/database.ts';
import { typeNumber } from '../../index/event-numbers.ts';
import { Indexer } from '../../index/indexer.ts';
import { encodeName, objectKey, segmentFile } from '../../segment-name.ts';
import { openSpool } from '../../spool.ts';
import { createDirectoryObjectStore } from '../../storage/directory-object-store.ts';
import type { DecisionDraft } from '../decision.ts';
import { type Decision, makeDecision, personDigests } from '../decision.ts';
import { DecisionGate } from '../decision-gate.ts';
import { decisionTable } from '../decision-places.ts';
import { NOBODY_RECORDS } from './forget-files.ts';
import { Forgetter } from './forgetter.ts';
import { applyDeletions } from './mark-deleted.ts';

const never = new AbortController().signal;
const NOW = Date.UTC(2026, 9, 5);

/** A world of lines in an archive, and an index of it. */
async function world(database: Database, seed: number) {
  const directory = await tempDir('forget');
  const spool = await openSpool(directory.join('data'));
  const store = await createDirectoryObjectStore(directory.join('archive'));
  let number = 0;
  for (const lines of indexSegments({ seed, lines: 400 })) {
    const { platform, channel } = JSON.parse(lines[0]!) as ChatEvent;
    const name = { platform: encodeName(platform), channel: encodeName(channel), suffix: `-${++number}` };
    const file = segmentFile({ ...name, startMs: Date.UTC(2026, 8, 30, 6) }, 'zstd');
    const body = await writeObjectBody(
      directory.join(file),
      Buffer.from(lines.map((line) => `${line}\n`).join('')),
    );
    await store.put(objectKey(file)!, body, never);
  }
  const gate = new DecisionGate();
  const config = () => indexConfig();
  const indexer = () =>
    new Indexer({ config, spool: undefined, store, database, privacy: gate, log: silentLog, now: () => NOW });
  const forgetter = new Forgetter({
    spool,
    keepers: NOBODY_RECORDS,
    store,
    database,
    config,
    log: silentLog,
  });
  await indexer().indexOnce({ rebuild: true }, never);
  return {
    directory,
    store,
    forgetter,
    indexer,
    gate,
    decide: (draft: DecisionDraft): Decision => {
      const decision = makeDecision(draft, NOW);
      gate.add(decision);
      forgetter.add(decision);
      return decision;
    },
    /** As anybody reads the archive. */
    segments: async () => {
      const root = directory.join('archive');
      const files = (await readdir(root, { recursive: true })).filter((file) => file.endsWith('.zst')).sort();
      const texts = await Promise.all(
        files.map(async (file) => zstdDecompressSync(await readFile(join(root, file))).toString()),
      );
      return texts.map((text) => text.split('\n').slice(0, -1));
    },
  };
}

/** Everything that an index holds of anybody, as text. */
async function dump(database: Database): Promise<string> {
  return database.read(async (session) => {
    const { rows: tables } = await session.query(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'segments'",
    );
    const texts = [];
    for (const { name } of tables)
      texts.push(
        (await session.query(`SELECT coalesce(string_agg(t::text, E'\n'), '') AS text FROM ${name} t`))
          .rows[0]!.text,
      );
    return texts.join('\n');
  });
}

describe.each(DATABASES)('forgetting in the index on %s', { timeout: 120_000 }, (kind) => {
  it('leaves what the rewritten archive gives, and a rebuild brings nothing back', async () => {
    await using database = await openDatabase(kind);
    const it = await world(database, 3);
    await using _directory = it.directory;
    const before = (await it.segments()).flat();
    const user = personDigests('twitch', '104', ['ölaf', 'ÖLAF']);
    it.decide({ kind: 'forget', platform: 'twitch', user, by: 'test' });
    await it.forgetter.carryOutAll(never);
    await it.indexer().loader.derive();
    const segments = await it.segments();
    const isTheirs = (line: string) => line.includes('"platform":"twitch"') && /ölaf|ÖLAF|"104"/.test(line);
    expect(segments.flat()).toEqual(before.filter((line) => !isTheirs(line)));
    expect(before.some(isTheirs)).toBe(true);
    const model = indexModel(segments);
    const contents = await indexContents(database);
    for (const table of Object.keys(model) as (keyof typeof model)[])
      expect({ [table]: contents[table] }).toEqual({ [table]: model[table] });
    await it.indexer().indexOnce({ rebuild: true }, never);
    expect(await indexContents(database)).toEqual(model);
    // A second look finds nothing more to load, by the digests in the ledger.
    const again = await it.indexer().indexOnce({ rebuild: false }, never);
    expect(again.loaded).toBe(0);
  });
});

describe('forgetting in the index', () => {
  const kind = 'PostgreSQL 15';

  it('keeps a rebuild from loading what an archive still holds', async () => {
    await using database = await openDatabase(kind);
    const it = await world(database, 4);
    await using _directory = it.directory;
    const user = personDigests('twitch', '104', ['ölaf']);
    it.decide({ kind: 'forget', platform: 'twitch', user, by: 'test' });
    await it.indexer().indexOnce({ rebuild: true }, never);
    const { rows } = await database.read((session) =>
      session.query("SELECT * FROM users WHERE platform = 'twitch' AND user_key IN ('104', '~ölaf')"),
    );
    expect(rows).toEqual([]);
    expect(await dump(database)).not.toMatch(/twitch[^\n]*ölaf/);
  });

  it('blanks rows of others also where another instance has rewritten the objects', async () => {
    await using database = await openDatabase(kind);
    const it = await world(database, 8);
    await using directory = it.directory;
    const chat = (number: number, members: Partial<ChatEvent>): ChatEvent => ({
      timestamp: new Date(Date.UTC(2026, 9, 1, 12, number)).toISOString(),
      ...{ channel: 'lirik', username: 'bob', user_id: '101', message: '', platform: 'twitch' },
      ...members,
      id: `01234567-89ab-4def-8123-${String(number).padStart(12, '0')}`,
    });
    const tags = { 'reply-parent-user-id': '777', 'reply-parent-msg-body': 'zq-secret' };
    const events = [
      chat(1, { username: 'zq_name', user_id: '777', message: 'zq-secret' }),
      chat(2, { message: 'I told @ZQ_Name', reply_to: 'abcdef01-2345-4678-9abc-def012345678', tags }),
      chat(3, { message: 'something else' }),
    ];
    const file = segmentFile(
      { platform: 'twitch', channel: 'lirik', suffix: '-77', startMs: Date.UTC(2026, 9, 1, 12) },
      'zstd',
    );
    const lines = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    await it.store.put(objectKey(file)!, await writeObjectBody(directory.join(file), lines), never);
    await it.indexer().indexOnce({ rebuild: false }, never);
    const user = personDigests('twitch', '777', ['zq_name', 'ZQ_Name']);
    const decision = makeDecision({ kind: 'forget', platform: 'twitch', user, by: 'test' }, NOW);
    const other = new Forgetter({
      spool: await openSpool(directory.join('other')),
      keepers: NOBODY_RECORDS,
      store: it.store,
      database: undefined,
      config: () => indexConfig(),
      log: silentLog,
    });
    other.add(decision);
    await other.carryOutAll(never);
    expect((await it.segments()).flat().join('\n')).not.toMatch(/zq_name|zq-secret/i);
    expect(await dump(database)).toMatch(/zq-secret/);
    it.forgetter.add(decision);
    await it.forgetter.carryOutAll(never);
    await it.indexer().loader.derive();
    expect(await dump(database)).not.toMatch(/zq_name|zq-secret/i);
    const contents = await indexContents(database);
    await it.indexer().indexOnce({ rebuild: true }, never);
    expect(contents).toEqual(await indexContents(database));
  });

  it('blanks rows of others and takes what pipelines kept of a person', async () => {
    await using database = await openDatabase(kind);
    const it = await world(database, 6);
    await using directory = it.directory;
    const chat = (number: number, members: Partial<ChatEvent>): ChatEvent => ({
      timestamp: new Date(Date.UTC(2026, 9, 1, 12, number)).toISOString(),
      ...{ channel: 'lirik', username: 'bob', user_id: '101', message: '', platform: 'twitch' },
      ...members,
      id: `01234567-89ab-4def-8123-${String(number).padStart(12, '0')}`,
    });
    const parent = 'abcdef01-2345-4678-9abc-def012345678';
    const tags = { 'reply-parent-user-id': '777', 'reply-parent-msg-body': 'zq-secret' };
    const events = [
      chat(1, { username: 'zq_name', user_id: '777', message: 'zq-secret' }),
      chat(2, { message: 'I told @ZQ_Name', reply_to: parent, tags }),
      chat(3, { message: 'something else' }),
    ];
    const file = segmentFile(
      { platform: 'twitch', channel: 'lirik', suffix: '-77', startMs: Date.UTC(2026, 9, 1, 12) },
      'zstd',
    );
    const lines = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    await it.store.put(objectKey(file)!, await writeObjectBody(directory.join(file), lines), never);
    await it.indexer().indexOnce({ rebuild: false }, never);
    await database.transaction(async (session) => {
      await session.query(
        `INSERT INTO kept_messages SELECT 'p', channel_id, ts, key, user_id, 'x', text, coalesce(rest, '') FROM messages WHERE key = ANY($1::uuid[])`,
        [events.map(({ id }) => id!)],
      );
      await session.exec(`
        INSERT INTO kept_user_activity SELECT 'p', 1, '2026-10-01', id, 'zq_name', 1, 1, 1, 0 FROM users WHERE user_key = '777';
        INSERT INTO mod_actions (ts, key, channel_id, type, moderator, target_key, target_user_id)
          SELECT '2026-10-02', gen_random_uuid(), c.id, ${typeNumber('delete')}, 'admin', gen_random_uuid(), u.id
          FROM channels c, users u WHERE c.name = 'lirik' AND u.user_key = '777';
        INSERT INTO user_scores SELECT 'p', 'twitch', id, 1, 1, now() FROM users WHERE user_key = '777';
        INSERT INTO kept_channel_summaries SELECT 'p', id, '2026-10-01',
          '{"topUsers":[{"login":"bob","messages":3},{"login":"zq_name","messages":2},{"login":"ann","messages":1}]}'
          FROM channels WHERE name = 'lirik';`);
    });
    const user = personDigests('twitch', '777', ['zq_name', 'ZQ_Name']);
    it.decide({ kind: 'forget', platform: 'twitch', user, by: 'test' });
    await it.forgetter.carryOutAll(never);
    await it.indexer().loader.derive();
    expect(await dump(database)).not.toMatch(/zq_name|zq-secret/i);
    const rows = await database.read(async (session) => ({
      messages: (
        await session.query('SELECT text, reply_key, rest FROM messages WHERE key = $1', [events[1]!.id])
      ).rows,
      kept: (await session.query('SELECT text FROM kept_messages ORDER BY ts')).rows,
      summary: (await session.query('SELECT summary FROM kept_channel_summaries')).rows[0]!.summary,
    }));
    expect(rows.messages).toEqual([
      {
        text: 'I told @*******',
        reply_key: null,
        rest: expect.stringContaining('"reply-parent-msg-body":""'),
      },
    ]);
    expect(rows.kept).toEqual([{ text: 'I told @*******' }, { text: 'something else' }]);
    expect(rows.summary).toEqual({
      topUsers: [
        { login: 'bob', messages: 3 },
        { login: 'ann', messages: 1 },
      ],
    });
    const contents = await indexContents(database);
    const model = indexModel(await it.segments());
    for (const table of [
      'messages',
      'users',
      'userNames',
      'hourly',
      'daily',
      'userDays',
      'sessions',
    ] as const)
      expect({ [table]: contents[table] }).toEqual({ [table]: model[table] });
  });

  it('marks a message as deleted by a decision, and again after a rebuild', async () => {
    await using database = await openDatabase(kind);
    const it = await world(database, 5);
    await using _directory = it.directory;
    const find = (condition: string) =>
      database.read(async (session) => {
        const { rows } = await session.query(
          `SELECT m.key, m.ts, m.deleted_at, c.name FROM messages m JOIN channels c ON c.id = m.channel_id
           WHERE c.platform = 'twitch' AND m.type = 0 AND ${condition} ORDER BY m.ts, m.key LIMIT 1`,
        );
        return rows[0] as { key: string; ts: Date; deleted_at: Date | null; name: string };
      });
    const chosen = await find('m.deleted_at IS NULL');
    const message = { key: chosen.key, channel: chosen.name, at: chosen.ts.toISOString() };
    const decision = it.decide({ kind: 'delete_message', platform: 'twitch', message, by: 'admin' });
    await decisionTable(database).write(decision, JSON.stringify(decision), never);
    expect(await applyDeletions(database)).toBe(1);
    expect(await applyDeletions(database)).toBe(0);
    expect((await find(`m.key = '${chosen.key}'`)).deleted_at).toEqual(new Date(decision.timestamp));
    await it.indexer().indexOnce({ rebuild: true }, never);
    expect((await find(`m.key = '${chosen.key}'`)).deleted_at).toBeNull();
    await applyDeletions(database);
    expect((await find(`m.key = '${chosen.key}'`)).deleted_at).toEqual(new Date(decision.timestamp));
    const purge = it.decide({ kind: 'purge_message', platform: 'twitch', message, by: 'admin' });
    await it.forgetter.carryOutAll(never);
    expect(it.forgetter.progress(purge.id)).toMatchObject({
      state: 'done',
      report: { linesRemoved: expect.any(Number) },
    });
    expect(await find(`m.key = '${chosen.key}'`)).toBeUndefined();
    expect((await it.segments()).flat().filter((line) => line.includes(`"id":"${chosen.key}"`))).toEqual([]);
  });
});
