/** The program as it is shipped (`dist/`), run in a process of its own and watched from outside through /proc. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { StatusReport } from '../../src/api/status.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUNDLE = join(ROOT, 'dist/main.js');

/** As in the Dockerfile. */
const IMAGE_ENV = {
  NODE_ENV: 'production',
  GLIBC_TUNABLES:
    'glibc.malloc.mmap_threshold=32768:glibc.malloc.trim_threshold=65536:glibc.malloc.arena_max=1',
  NODE_OPTIONS: '--max-semi-space-size=8 --max-old-space-size=128',
};

const TICKS_PER_SECOND = 100;

export interface RunSettings {
  config: Record<string, unknown>;
  /** Processors, as taskset takes them. */
  cpus?: string;
  /** Filled before the start. */
  prepare?: (directory: string) => Promise<void>;
}

export interface MeasuredRun extends AsyncDisposable {
  directory: string;
  /** From the start of the process to the first ready answer. */
  readyMs: number;
  status(): Promise<StatusReport>;
  rssBytes(): number;
  /** User and system time so far. */
  cpuSeconds(): number;
}

export async function startMeasured({ config, cpus, prepare }: RunSettings): Promise<MeasuredRun> {
  if (!existsSync(BUNDLE)) throw new Error('dist/ is missing: npm run build');
  const directory = await mkdtemp(join(tmpdir(), 'chatlog-bench-'));
  const file = join(directory, 'config.yaml');
  await writeFile(
    file,
    stringify({
      http: { port: 0 },
      index: { enabled: false },
      log: { level: 'error', format: 'json' },
      ...config,
    }),
  );
  await prepare?.(directory);
  const command = [
    ...(cpus === undefined ? [] : ['taskset', '-c', cpus]),
    process.execPath,
    BUNDLE,
    'run',
    '--config',
    file,
  ];
  const startedMs = performance.now();
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...IMAGE_ENV },
  });
  const url = await readyUrl(join(directory, 'data/state/run.json'), child);
  return {
    directory,
    readyMs: performance.now() - startedMs,
    status: async () => (await (await fetch(`${url}/status`)).json()) as StatusReport,
    rssBytes: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]) * 1024,
    cpuSeconds: () => {
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'close');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function readyUrl(runFile: string, child: ChildProcess): Promise<string> {
  while (child.exitCode === null) {
    try {
      const { url } = JSON.parse(await readFile(runFile, 'utf8'));
      if ((await fetch(`${url}/health/ready`)).ok) return url;
    } catch {
      // Not there yet.
    }
    await sleep(2);
  }
  throw new Error('the program ended');
}

export interface FloodServer extends AsyncDisposable {
  port: number;
  caFile: string;
  /** Resolves when so many channels are joined. */
  joined(channels: number): Promise<void>;
  go(): void;
}

export async function startFlood(options: {
  tls: boolean;
  perSecond: number;
  total: number;
  cpus?: string;
}): Promise<FloodServer> {
  const program = [
    process.execPath,
    fileURLToPath(new URL('flood-server.ts', import.meta.url)),
    options.tls ? 'tls' : 'tcp',
    `${options.perSecond}`,
    `${options.total}`,
  ];
  const command = options.cpus === undefined ? program : ['taskset', '-c', options.cpus, ...program];
  const child = spawn(command[0]!, command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'] });
  let joined = 0;
  const listening = Promise.withResolvers<[string, string]>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [word, first = '', second = ''] = line.split(' ');
    if (word === 'listening') listening.resolve([first, second]);
    if (word === 'joined') joined = Number(first);
  });
  const [port, caFile] = await listening.promise;
  return {
    port: Number(port),
    caFile,
    async joined(channels) {
      while (joined < channels) await sleep(20);
    },
    go: () => void child.stdin.write('go\n'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'close');
    },
  };
}

/** Configuration of a Twitch connector against a flood server. */
export function floodConfig(flood: FloodServer, channels: number): Record<string, unknown> {
  return {
    host: '127.0.0.1',
    port: flood.port,
    tls: flood.caFile !== '',
    ...(flood.caFile === '' ? {} : { tls_ca_file: flood.caFile, host: 'localhost' }),
    connect_interval_seconds: 0,
    join_budget: 100_000,
    backfill: { enabled: false },
    channels: Array.from({ length: channels }, (_, number) => `channel_${number}`),
  };
}
