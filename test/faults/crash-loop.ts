/**
 * Kills the service again and again (`crash-child.ts`, by `crash-plan.ts`): at random moments, and at the Nth call of
 * each kind of system call on the write path; and makes some of those calls fail. Then lets it drain and holds the
 * archive against what was acknowledged.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventsOf, readArchive } from '../support/read-archive.ts';
import { bundleChild } from './bundle-child.ts';
import { type Ending, type Plan, planRound } from './crash-plan.ts';

export interface CrashOptions {
  /** Empty directory. */
  root: string;
  rounds: number;
  /** Number of the first round: two loops that run side by side take different ones. Default 0. */
  firstRound?: number;
  /** Told after each round. */
  onRound?: (round: number, name: string) => void;
}

/** What became of the rounds of one kind. */
export interface KindReport {
  rounds: number;
  /** What was to happen in it happened: the injected call was made, or the signal met the process recording. */
  happened: number;
  /** The process left by itself with an exit code other than 0 (an error it does not go on after). */
  left: number;
}

export interface CrashReport {
  rounds: number;
  acknowledged: number;
  archived: number;
  /** Acknowledged and not in the archive. */
  lost: string[];
  /** In the archive more than once. */
  doubled: string[];
  /** Files in quarantine. */
  quarantined: string[];
  kinds: Record<string, KindReport>;
}

const CONFIG = `
data_dir: data
archive: { directory: archive }
http: { enabled: false }
index: { enabled: false }
recorder: { flush_interval_seconds: 0.004, batch_size: 10, rotate_bytes: 3000, idle_seal_seconds: 0.05 }
upload: { backoff: { min_seconds: 0.02, max_seconds: 0.1 } }
`;

/** A round that has not ended by then is a defect: a process that neither records nor ends. */
const ROUND_MAX_MS = 60_000;

export async function crashLoop(options: CrashOptions): Promise<CrashReport> {
  const { root, rounds, firstRound = 0, onRound } = options;
  await mkdir(root, { recursive: true });
  const loop = new CrashLoop(root, await bundleChild('crash-child.ts', join(root, 'child')));
  await writeFile(loop.config, CONFIG);
  for (let round = firstRound; round < firstRound + rounds; round++) {
    const plan = planRound(round);
    await loop.run(round, plan);
    onRound?.(round, plan.name);
  }
  await loop.drain(60_000 + rounds * 1_000);
  return loop.report(rounds);
}

class CrashLoop {
  readonly config: string;
  readonly #root: string;
  readonly #program: string;
  readonly #trace: string;
  readonly #acknowledged = new Set<string>();
  readonly #kinds: Record<string, KindReport> = {};

  constructor(root: string, program: string) {
    this.#root = root;
    this.#program = program;
    this.config = join(root, 'config.yaml');
    this.#trace = join(root, 'trace');
  }

  async run(round: number, { name, inject, ending }: Plan): Promise<void> {
    const child = this.#start(String(round), '1000000', inject);
    let isKilledByUs = false;
    const signal = (kind: 'SIGKILL' | 'SIGTERM') => {
      isKilledByUs ||= kind === 'SIGKILL';
      child.kill(kind);
    };
    let isUp = false;
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    });
    const timers = [setTimeout(() => signal('SIGKILL'), ROUND_MAX_MS)];
    if (ending.kind === 'kill-from-start') {
      timers.push(setTimeout(() => signal('SIGKILL'), ending.afterMs));
    }
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.startsWith('ack ')) this.#acknowledged.add(line.slice(4));
      if (line !== 'up') return;
      isUp = true;
      timers.push(...endTimers(ending, signal));
    });
    const startedMs = performance.now();
    const [code] = (await once(child, 'close')) as [number | null];
    for (const timer of timers) clearTimeout(timer);
    if (performance.now() - startedMs > ROUND_MAX_MS) {
      throw new Error(`round ${round} (${name}) did not end:\n${log}`);
    }
    const kind = this.#kinds[name] ?? { rounds: 0, happened: 0, left: 0 };
    this.#kinds[name] = kind;
    kind.rounds++;
    if (code !== null && code !== 0) kind.left++;
    if (inject.length === 0) kind.happened += isUp || ending.kind === 'kill-from-start' ? 1 : 0;
    else if (ending.kind === 'injected-kill') kind.happened += isKilledByUs ? 0 : 1;
    else kind.happened += (await this.#injected()) ? 1 : 0;
  }

  /** Runs the service without harm until its spool is empty. */
  async drain(timeoutMs: number): Promise<void> {
    const child = this.#start('drain', '0', []);
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000);
    });
    const drained = (async () => {
      for await (const line of createInterface({ input: child.stdout })) if (line === 'drained') return true;
      return false;
    })();
    const isDrained = await Promise.race([drained, sleep(timeoutMs, false, { ref: false })]);
    child.kill('SIGTERM');
    const [code] = await once(child, 'close');
    if (!isDrained) throw new Error(`the spool did not drain:\n${log}`);
    if (code !== 0) throw new Error(`it did not stop properly after draining (code ${code}):\n${log}`);
  }

  async report(rounds: number): Promise<CrashReport> {
    const counts = new Map<string, number>();
    for (const file of await readArchive(join(this.#root, 'archive'))) {
      if (file.tail !== '') throw new Error(`${file.path} ends in a torn line`);
      for (const { type, message } of eventsOf([file])) {
        if (type !== 'gap') counts.set(message, (counts.get(message) ?? 0) + 1);
      }
    }
    return {
      rounds,
      acknowledged: this.#acknowledged.size,
      archived: counts.size,
      lost: [...this.#acknowledged].filter((message) => !counts.has(message)),
      doubled: [...counts].filter(([, count]) => count > 1).map(([message]) => message),
      quarantined: await readdir(join(this.#root, 'data/quarantine')),
      kinds: Object.fromEntries(Object.entries(this.#kinds).sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }

  /** Whether the call that was to fail was made. */
  async #injected(): Promise<boolean> {
    const trace = await readFile(this.#trace, 'utf8').catch(() => '');
    await rm(this.#trace, { force: true });
    return trace.includes('(INJECTED)');
  }

  #start(round: string, messages: string, inject: readonly string[]): Child {
    const program = [process.execPath, this.#program, this.config, round, messages];
    const command = inject.length === 0 ? program : [...strace(this.#trace, inject), ...program];
    // Compiling the same program again is most of a start.
    const env = { ...process.env, NODE_COMPILE_CACHE: join(this.#root, 'compile-cache') };
    return spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env });
  }
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function endTimers(ending: Ending, signal: (kind: 'SIGKILL' | 'SIGTERM') => void): NodeJS.Timeout[] {
  switch (ending.kind) {
    case 'kill':
      return [setTimeout(() => signal('SIGKILL'), ending.afterMs)];
    case 'injected-kill':
      return [setTimeout(() => signal('SIGKILL'), ending.overdueMs)];
    case 'stop':
      return [setTimeout(() => signal('SIGTERM'), ending.afterMs)];
    case 'kill-from-start':
      return [];
    default:
      return ending satisfies never;
  }
}

/**
 * The tracer runs beside the program (`-D`), which so stays our child and gets our signals. Its faster way
 * (`--seccomp-bpf`) is for errors only: strace 6.1 sends no signals that way.
 */
function strace(trace: string, inject: readonly string[]): string[] {
  const calls = inject.map((one) => one.slice(0, one.indexOf(':')));
  const isKill = inject.some((one) => one.includes(':signal='));
  return [
    ...['strace', '-D', '-f', '-qq', '-s', '8', '-o', trace, ...(isKill ? [] : ['--seccomp-bpf'])],
    ...['-e', `trace=${calls.join(',')}`, '-e', 'signal=none'],
    ...inject.flatMap((one) => ['-e', `inject=${one}`]),
  ];
}
