/**
 * PostgreSQL 15 or newer through `pg`. A pool for everything and, where a replica is configured, one for reading.
 *
 * A connection that dies while idle is replaced; one that dies in use fails its work as `database_unavailable`. No
 * connection lives longer than nine minutes: what stands between (proxies, failovers) closes old ones without a word.
 */
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { ChatlogError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { arrayText } from './array-text.ts';
import type { Connection, Database, Session, SessionOptions } from './database.ts';
import { explainDatabaseError } from './database-error.ts';
import { describeUrl } from './database-place.ts';
import { kyselySession } from './kysely-session.ts';

export interface PostgresOptions {
  url: string;
  /** A read replica for the API's queries. */
  readUrl?: string;
  /** Connections at most, per pool. */
  poolMax: number;
  log: Logger;
}

const OID = { int8: 20, numeric: 1700, date: 1082 } as const;
const LIFETIME_SECONDS = 540;
const IDLE_MS = 300_000;
const CONNECT_TIMEOUT_MS = 10_000;
const VERSION_MIN = 150_000;
/** A server that does not break off what it is told to break off is not listened to any longer. */
const CUT_MS = 2_000;

/** Connects lazily; the first use says whether the server is there, and is new enough. */
export function createPostgresDatabase(options: PostgresOptions): Database {
  const { log } = options;
  const main = createPool(options.url, options.poolMax, log);
  const replica = options.readUrl === undefined ? main : createPool(options.readUrl, options.poolMax, log);
  const held =
    (pool: pg.Pool, mode: Mode) =>
    <T>(work: (session: Session) => Promise<T>, settings: SessionOptions = {}) =>
      hold(pool, mode, work, settings);
  return {
    kind: 'postgres',
    name: `PostgreSQL at ${describeUrl(options.url)}`,
    transaction: held(main, 'transaction'),
    read: held(replica, 'read'),
    session: held(main, 'session'),
    async [Symbol.asyncDispose]() {
      await Promise.all(replica === main ? [main.end()] : [main.end(), replica.end()]);
    },
  };
}

type Mode = 'transaction' | 'read' | 'session';

const BEGIN: Record<Mode, string | undefined> = {
  transaction: 'BEGIN',
  // Questions are short and many: compiling their plans, or other processes for them, would cost more than it saves, and
  // what they read mostly lies in memory or on a disk that seeks in no time.
  read: 'BEGIN READ ONLY; SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL random_page_cost = 1.1',
  session: undefined,
};

function createPool(url: string, max: number, log: Logger): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    maxLifetimeSeconds: LIFETIME_SECONDS,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'chatlog',
    types: { getTypeParser: typeParser },
  });
  // Without a listener an idle connection's death would be the process's.
  pool.on('error', (error) => log.warn({ err: error.message }, 'an idle database connection was lost'));
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  if (oid === OID.int8 || oid === OID.numeric) return Number;
  if (oid === OID.date) return (text) => text;
  return pg.types.getTypeParser(oid, format ?? 'text') as (text: string) => unknown;
}

async function hold<T>(
  pool: pg.Pool,
  mode: Mode,
  work: (session: Session) => Promise<T>,
  { statementTimeoutMs, signal }: SessionOptions,
): Promise<T> {
  signal?.throwIfAborted();
  const client = await pool.connect().catch((error: unknown) => {
    throw explainDatabaseError(error);
  });
  let isBroken = false;
  // The server notices that nobody listens any more when it next writes; the transaction is rolled back then.
  let cut: NodeJS.Timeout | undefined;
  const abandon = () => {
    isBroken = true;
    void cancelRunning(pool, client);
    cut = setTimeout(() => socketOf(client).destroy(), CUT_MS);
  };
  signal?.addEventListener('abort', abandon, { once: true });
  const connection = connectionOf(client, signal);
  try {
    await requireVersion(connection);
    const limit =
      statementTimeoutMs === undefined
        ? undefined
        : `SET ${mode === 'session' ? '' : 'LOCAL '}statement_timeout = ${Math.ceil(statementTimeoutMs)}`;
    const beginning = [BEGIN[mode], limit].filter((statement) => statement !== undefined).join('; ');
    if (beginning !== '') await connection.exec(beginning);
    const result = await work(kyselySession(connection));
    signal?.throwIfAborted();
    if (BEGIN[mode]) await connection.exec('COMMIT');
    else if (statementTimeoutMs !== undefined) await connection.exec('RESET statement_timeout');
    return result;
  } catch (error) {
    // What was broken off is rolled back with its connection.
    isBroken ||= signal?.aborted === true;
    if (!isBroken && BEGIN[mode])
      await connection.exec('ROLLBACK').catch(() => {
        isBroken = true;
      });
    // A connection without a transaction may hold anything: settings, locks.
    if (!BEGIN[mode]) isBroken = true;
    if (signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    signal?.removeEventListener('abort', abandon);
    clearTimeout(cut);
    client.release(isBroken);
  }
}

/** Undocumented, and the only way to have an end of a server that is silent. */
function socketOf(client: pg.PoolClient): Socket {
  return (client as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** Breaks off the statement that runs on a connection, by a request of its own. */
async function cancelRunning(pool: pg.Pool, client: pg.PoolClient): Promise<void> {
  const { processID } = client as unknown as { processID?: number };
  if (processID === undefined || processID === null) return;
  await pool.query('SELECT pg_cancel_backend($1)', [processID]).catch(() => {});
}

/** Connections whose server is new enough. */
const checked = new WeakSet<pg.PoolClient>();

async function requireVersion(connection: Connection & { owner: pg.PoolClient }): Promise<void> {
  if (checked.has(connection.owner)) return;
  const { rows } = await connection.query("SELECT current_setting('server_version_num')::int AS version");
  const version = Number(rows[0]?.version);
  if (version < VERSION_MIN)
    throw new ChatlogError(
      'database_too_old',
      `the database is PostgreSQL ${Math.floor(version / 10_000)}; 15 or newer is needed`,
    );
  checked.add(connection.owner);
}

function connectionOf(client: pg.PoolClient, signal?: AbortSignal): Connection & { owner: pg.PoolClient } {
  const explained = async <T>(action: () => Promise<T>): Promise<T> => {
    // It may have come while there was nothing to break off: before the connection, between two statements.
    signal?.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      throw explainDatabaseError(error);
    }
  };
  return {
    owner: client,
    query: (sql, parameters = []) =>
      explained(async () => {
        const values = parameters.map((value) => (Array.isArray(value) ? arrayText(value) : value));
        const { rows, rowCount } = await client.query(sql, values);
        return { rows, rowCount: rowCount ?? 0 };
      }),
    exec: (sql) => explained(async () => void (await client.query(sql))),
    copyIn: (target, chunks) =>
      explained(async () => {
        const stream = client.query(copyFrom(`COPY ${target} FROM STDIN`));
        await pipeline(chunks, stream);
        return stream.rowCount;
      }),
  };
}
