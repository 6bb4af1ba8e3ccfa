/**
 *     node bench/index-catch-up.ts                     half a million lines: a day at 500 messages/s is 86 times as many
 *     node bench/index-catch-up.ts --lines 2000000
 *     node bench/index-catch-up.ts --database pglite
 *
 * How fast the index catches up after an outage of its database: sealed, compressed segments of a day, as the recorder
 * leaves them, into an empty PostgreSQL 15 that syncs (or PGlite). The aim is 20 times real time: 10,000 lines/s.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { zstdCompressSync } from 'node:zlib';
import { configSchema } from '../src/config/schema.ts';
import { createPgliteDatabase } from '../src/index/database/pglite-database.ts';
import { createPostgresDatabase } from '../src/index/database/postgres-database.ts';
import { Indexer } from '../src/index/indexer.ts';
import { OPEN_GATE } from '../src/privacy/privacy-gate.ts';
import { encodeName, segmentFile } from '../src/segment-name.ts';
import { openSpool } from '../src/spool.ts';
import { createDirectoryObjectStore } from '../src/storage/directory-object-store.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { silentLog } from '../test/support/recorder-fixture.ts';
import { tempDir } from '../test/support/temp-dir.ts';
import { chatHistory } from './lib/chat-history.ts';
import { printMachine, printTable, thousands } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '500000' },
    database: { type: 'string', default: 'postgres' },
  },
});
const HOUR_MS = 3_600_000;
const MESSAGES_PER_SECOND = 500;
const startMs = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 25 * HOUR_MS;
const history = { messages: Number(values.lines), channels: 50, startMs, hours: 24, users: 50_000 };

printMachine();
await using directory = await tempDir('catch-up');
const spool = await openSpool(directory.join('data'));
for (const { channel, startMs: hourMs, lines } of chatHistory(history)) {
  const name = { platform: 'twitch', channel: encodeName(channel), startMs: hourMs, suffix: '' };
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  await writeFile(spool.path('sealed', segmentFile(name, 'zstd')), zstdCompressSync(bytes));
}
await using server = values.database === 'pglite' ? undefined : await startPostgres(15, { durable: true });
await using database = server
  ? createPostgresDatabase({ url: await server.createDatabase(), poolMax: 10, log: silentLog })
  : await createPgliteDatabase(directory.join('index'));
const config = configSchema.parse({});
const indexer = new Indexer({
  ...{ config: () => config, spool, database, privacy: OPEN_GATE, log: silentLog, now: Date.now },
  store: await createDirectoryObjectStore(directory.join('archive')),
});
const never = new AbortController().signal;
await indexer.indexOnce({ toMs: 0 }, never);
const begunMs = performance.now();
const cpu = process.cpuUsage();
const { lines } = await indexer.indexOnce({}, never);
const seconds = (performance.now() - begunMs) / 1000;
const { user, system } = process.cpuUsage(cpu);
const rate = lines / seconds;
printTable(
  'Catching up',
  ['database', 'lines', 'seconds', 'lines/s', 'times real time at 500/s', 'own CPU, seconds'],
  [
    [
      database.name,
      thousands(lines),
      seconds.toFixed(1),
      thousands(rate),
      (rate / MESSAGES_PER_SECOND).toFixed(1),
      ((user + system) / 1e6).toFixed(1),
    ],
  ],
);
