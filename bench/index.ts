/**
 *     npm run bench:index                         10 million messages over 50 channels and 6 months: some 20 minutes
 *     npm run bench:index -- --messages 500000    as much as you like
 *     npm run bench:index -- --postgres 18        the version that comes by npm, in place of Debian's
 *     npm run bench:index -- --database URL       a database that an earlier run with --keep left: the routes alone
 *
 * On a PostgreSQL of its own: how fast rows are loaded against COPY of the same rows in the same run, what each index
 * costs, bytes per message, how long every route of the query endpoint takes (cold, and warm with 1, 10 and 50 clients),
 * and the memory of both roles. Builds `dist/` first (npm does). Compare only what ran side by side.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../test/support/postgres-server.ts';
import { type MeasuredProcess, startApi } from './index/api-process.ts';
import { copyBaseline } from './index/copy-baseline.ts';
import { indexMemory } from './index/index-memory.ts';
import { loadHistory } from './index/load-history.ts';
import { routes } from './index/routes.ts';
import { printSizes } from './index/sizes.ts';
import { measureRoute } from './lib/load-generator.ts';
import { mebibytes, printMachine, printTable, thousands } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '10000000' },
    postgres: { type: 'string', default: '15' },
    database: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const messages = Number(values.messages);
const HISTORY = { channels: 50, startMs: Date.UTC(2026, 4, 1), hours: 24 * 184, users: 300_000 };
/** Rows that are also loaded by bare COPY, and by COPY beside each index alone: as dense as the whole, in fewer hours. */
const COMPARED = 300_000;
/** What docs/index-database.md recommends for as many messages. */
const SETTINGS = {
  shared_buffers: "'1GB'",
  effective_cache_size: "'3GB'",
  maintenance_work_mem: "'256MB'",
  max_wal_size: "'4GB'",
  random_page_cost: '1.1',
};

printMachine();
const directory = await mkdtemp(join(tmpdir(), 'chatlog-bench-index-'));
let server: PostgresServer | undefined;
try {
  if (values.database === undefined) {
    server = await startPostgres(values.postgres === '18' ? 18 : 15, { settings: SETTINGS, durable: true });
    await compareWithCopy(await server.createDatabase());
    const url = await server.createDatabase();
    const { seconds, rows } = await loadHistory(
      url,
      { ...HISTORY, messages },
      { ready: false, progress: (line) => console.log(line) },
    );
    console.log(
      `\nloaded ${thousands(rows)} rows in ${seconds.toFixed(0)} s: ${thousands(rows / seconds)} rows/s\n`,
    );
    await printSizes(url);
    await measureRoutes(url, server);
    await indexMemory(directory, await server.createDatabase());
    if (values.keep) console.log(`the database stays until Ctrl-C: --database ${url}`);
    if (values.keep) await new Promise((resolve) => process.once('SIGINT', resolve));
  } else {
    await printSizes(values.database);
    await measureRoutes(values.database, undefined);
  }
} finally {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
}

async function compareWithCopy(url: string): Promise<void> {
  const { seconds, rows } = await loadHistory(
    url,
    { ...HISTORY, messages: COMPARED, hours: Math.ceil((HISTORY.hours * COMPARED) / messages) },
    { ready: true, progress: () => {} },
  );
  const file = join(directory, 'rows.copy');
  const copy = await copyBaseline(url, file);
  const loaded = rows / seconds;
  printTable(
    `Loading ${thousands(rows)} rows (${((await stat(file)).size / rows).toFixed(0)} bytes each as COPY text)`,
    ['', 'rows/s', 'loader against it'],
    [
      ['the loader: lines to committed rows, statistics, ledger', thousands(loaded), ''],
      [
        'COPY of the same rows, same partitions and indexes',
        thousands(copy.indexed),
        (loaded / copy.indexed).toFixed(2),
      ],
      ['COPY of the same rows, no index', thousands(copy.bare), (loaded / copy.bare).toFixed(2)],
    ],
  );
  printTable(
    'What each index costs',
    ['', 'us a row at COPY', 'bytes a row'],
    copy.indexes.map(({ name, microseconds, bytes }) => [name, microseconds.toFixed(1), bytes.toFixed(1)]),
  );
}

async function measureRoutes(url: string, own: PostgresServer | undefined): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const all = await routes(client, HISTORY);
  await client.end();
  const config = {
    data_dir: join(directory, 'data'),
    archive: { directory: join(directory, 'archive') },
    database_url: url,
    // The history is of the past; nothing of it is to be looked for in the archive.
    defaults: { retention_days: 'forever' },
  };
  const rows: string[][] = [];
  let api: MeasuredProcess | undefined;
  for (const { name, aimMs, paths } of all) {
    // Cold: a server that has just started. (What the system keeps of its files in memory is not emptied.)
    await api?.stop();
    await own?.halt();
    await own?.start();
    api = await startApi(directory, config);
    const cold = await measureRoute(api.url, paths, { clients: 1, requests: 20 });
    await measureRoute(api.url, paths, { clients: 4, requests: paths.length });
    const warm = [];
    for (const clients of [1, 10, 50])
      warm.push(await measureRoute(api.url, paths, { clients, requests: clients === 1 ? 200 : 400 }));
    const failed = [cold, ...warm]
      .flatMap(({ failures }) => [...failures.keys()])
      .filter((status) => status !== 404 && status !== 302);
    rows.push([
      name,
      String(aimMs),
      ...[cold, ...warm].map(({ p50, p95, p99 }) =>
        [p50, p95, p99].map((ms) => ms.toFixed(ms < 10 ? 1 : 0)).join('/'),
      ),
      thousands(warm[2]!.perSecond),
      failed.length > 0
        ? `failed: ${[...new Set(failed)].join(' ')}`
        : warm[0]!.p95 <= aimMs
          ? ''
          : 'above the aim',
    ]);
    console.log(rows.at(-1)!.join('  '));
  }
  console.log();
  printTable(
    'Every route, p50/p95/p99 in ms',
    ['', 'aim', 'cold', '1 client', '10 clients', '50 clients', 'answers/s at 50', ''],
    rows,
  );
  console.log(
    `memory of the api role after it: ${mebibytes(api!.rssBytes())} MiB, at most ${mebibytes(api!.peakBytes())} MiB\n`,
  );
  await api!.stop();
}
