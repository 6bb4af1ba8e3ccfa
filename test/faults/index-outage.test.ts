/** The database away, for moments and for a day, while a recorder goes on: nothing is lost, and the index catches up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import type { Database } from '../../src/index/database/database.ts';
import { createPostgresDatabase } from '../../src/index/database/postgres-database.ts';
import { Indexer } from '../../src/index/indexer.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { createUploader } from '../../src/uploading/uploader.ts';
import { postgresServer } from '../support/databases.ts';
import { indexContents } from '../support/index-contents.ts';
import { indexModel } from '../support/index-model.ts';
import { readArchive, readSpool } from '../support/read-archive.ts';
import { event, type RecorderFixture, silentLog, startRecorder } from '../support/recorder-fixture.ts';
import { memoryLogger } from '../support/segments.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait-for.ts';

const config = configSchema.parse({ index: { poll_interval_seconds: 0.05, archive_scan_minutes: 0.005 } });
const HOUR_MS = 3_600_000;

/** An index in a new database of its own, followed by an indexer until disposed. */
async function startIndexing(
  kind: 'PostgreSQL 15' | 'PostgreSQL 18',
  recorder: RecorderFixture,
  archive: string,
) {
  const server = (await postgresServer(kind))!;
  const url = await server.createDatabase();
  const database: Database = createPostgresDatabase({ url, poolMax: 4, log: silentLog });
  const log = memoryLogger();
  const indexer = new Indexer({
    ...{ config: () => config, spool: recorder.spool, store: await createDirectoryObjectStore(archive) },
    ...{ database, privacy: OPEN_GATE, log, now: Date.now },
  });
  const stop = new AbortController();
  const running = indexer.run(stop.signal);
  return {
    ...{ server, database, indexer, log },
    /** Rows of messages; rejects while the database is away. */
    rows: async () =>
      Number(
        (await database.read((session) => session.query('SELECT count(*) AS n FROM messages'))).rows[0]!.n,
      ),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await database[Symbol.asyncDispose]();
    },
  };
}

function say(recorder: RecorderFixture, count: number, from: number, timeMs: (n: number) => number): void {
  for (let n = from; n < from + count; n++) {
    const user = { username: `u${n % 7}`, user_id: String(n % 7) };
    recorder.sink.push(
      event(`line ${n}`, { ...user, id: `m-${n}`, channel: `c${n % 5}`, timeMs: timeMs(n) }),
    );
  }
}

describe.each(['PostgreSQL 15', 'PostgreSQL 18'] as const)('%s', (kind) => {
  test('crashes again and again while lines are recorded', async () => {
    await using directory = await tempDir('outage');
    const recorder = await startRecorder(directory.join('data'));
    const archive = directory.join('archive');
    await using index = await startIndexing(kind, recorder, archive);
    const { server, indexer } = index;
    const startMs = Date.now();
    let said = 0;
    const sayMore = () => {
      say(recorder, 200, said, () => startMs);
      said += 200;
    };
    for (let crash = 0; crash < 3; crash++) {
      sayMore();
      // Anywhere: before a transaction, in it, after it.
      await sleep(Math.random() * 150);
      await server.crash();
      sayMore();
      await waitFor('recorded without a database', () => recorder.recorder.status().recorded === said);
      await waitFor('the indexer knows', () => indexer.status().state === 'waiting');
      await server.start();
      await waitFor('caught up', async () => (await index.rows()) === said, { timeoutMs: 60_000 });
    }
    await recorder.stop();
    await waitFor('everything sealed is in the ledger', async () => {
      const { rows } = await index.database.read((session) =>
        session.query('SELECT count(*) FILTER (WHERE NOT complete) AS open FROM segments'),
      );
      return rows[0]!.open === 0 && indexer.status().state === 'following';
    });
    const segments = (await readSpool(directory.join('data'))).map(({ content }) =>
      content.toString('utf8').trimEnd().split('\n'),
    );
    await indexer.loader.derive();
    expect(await indexContents(index.database)).toEqual(indexModel(segments));
    // Said once when it goes, once when it is back; whatever is tried in between.
    const warnings = index.log.lines.filter(({ level, fields }) => level === 'warn' && 'task' in fields);
    expect(warnings.length).toBeLessThanOrEqual(3 * 3);
  });
});

test('a day without the database: what left the local disk meanwhile comes from storage', async () => {
  await using directory = await tempDir('outage-day');
  const recorder = await startRecorder(directory.join('data'), { config: { idle_seal_seconds: 0.1 } });
  const archive = directory.join('archive');
  await using index = await startIndexing('PostgreSQL 15', recorder, archive);
  const uploader = createUploader({
    ...{
      spool: recorder.spool,
      store: await createDirectoryObjectStore(archive),
      log: silentLog,
      now: Date.now,
    },
    ...{ config: configSchema.parse({ recorder: { min_free_bytes: 0 } }), mayDelete: () => true, pollMs: 50 },
  });
  const stop = new AbortController();
  const uploading = uploader.run(stop.signal);
  await waitFor('the index is there', () => index.indexer.status().state === 'following');
  await index.server.halt();
  // Each line stands for 500 x 86,400 / 24,000 = 1,800 of a day at 500 messages a second.
  const lines = 24_000;
  const dayMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 30 * HOUR_MS;
  for (let hour = 0; hour < 24; hour++) {
    const from = (hour * lines) / 24;
    say(recorder, lines / 24, from, (n) => dayMs + hour * HOUR_MS + (n - from) * 3_000);
    await waitFor('recorded', () => recorder.recorder.status().recorded === from + lines / 24);
  }
  await waitFor('all of it is in storage alone', async () => {
    uploader.nudge();
    return (await readSpool(directory.join('data'))).length === 0;
  });
  await index.server.start();
  await waitFor('caught up', async () => (await index.rows()) === lines, { timeoutMs: 90_000 });
  const { rows } = await index.database.read((session) =>
    session.query('SELECT count(DISTINCT (key, ts)) AS n, count(DISTINCT text) AS texts FROM messages'),
  );
  expect(rows[0]).toEqual({ n: lines, texts: lines });
  const archived = await readArchive(archive);
  expect(archived.reduce((sum, { events }) => sum + events.length, 0)).toBe(lines);
  stop.abort();
  await uploading;
  await recorder.stop();
});
