/**
 * Kills the service again and again (`crash-child.ts`): at random moments, and at the Nth call of each kind of system
 * call on the write path; and makes some of those calls fail. Then lets it drain and holds the archive against what
 * was acknowledged.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { eventsOf, readArchive } from '../support/read-archive.ts';

/**
 * System calls of the write path, and from which range N is drawn: about how often each comes in a round on one of the
 * process's threads, since strace counts for each thread.
 */
const SYSCALLS: Record<string, number> = {
  fdatasync: 10,
  fsync: 8,
  pwrite64: 10,
  write: 30,
  rename: 8,
  link: 3,
  linkat: 3,
  unlink: 4,
  openat: 200,
  ftruncate: 2,
  close: 60,
};

/** Calls that fail rather than kill, with the errors of a bad and of a full disk. */
const FAILURES = [
  'fdatasync:error=EIO',
  'fsync:error=EIO',
  'pwrite64:error=EIO',
  'pwrite64:error=ENOSPC',
  'write:error=ENOSPC',
  'rename:error=EIO',
];

export interface CrashOptions {
  /** Empty directory. */
  root: string;
  rounds: number;
  /** Told after each round. */
  onRound?: (round: number, how: string) => void;
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
  /** Rounds by how they ended. */
  kinds: Record<string, number>;
}

export async function crashLoop({ root, rounds, onRound }: CrashOptions): Promise<CrashReport> {
  await mkdir(root, { recursive: true });
  const config = join(root, 'config.yaml');
  await writeFile(config, CONFIG);
  const acknowledged = new Set<string>();
  const kinds: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    const how = plan(round);
    for (const ack of await runRound(config, round, how)) acknowledged.add(ack);
    kinds[how.name] = (kinds[how.name] ?? 0) + 1;
    onRound?.(round, how.name);
  }
  await drain(config);
  const counts = new Map<string, number>();
  for (const line of eventsOf(await readArchive(join(root, 'archive')))) {
    if (line.type === 'gap') continue;
    const { message } = line;
    counts.set(message, (counts.get(message) ?? 0) + 1);
  }
  return {
    rounds,
    acknowledged: acknowledged.size,
    archived: counts.size,
    lost: [...acknowledged].filter((message) => !counts.has(message)),
    doubled: [...counts].filter(([, count]) => count > 1).map(([message]) => message),
    quarantined: await readdir(join(root, 'data/quarantine')),
    kinds,
  };
}

const CONFIG = `
data_dir: data
archive: { directory: archive }
http: { enabled: false }
recorder: { flush_interval_seconds: 0.004, batch_size: 10, rotate_bytes: 3000, idle_seal_seconds: 0.05 }
upload: { backoff: { min_seconds: 0.02, max_seconds: 0.1 } }
`;

interface Plan {
  name: string;
  /** Given to strace. */
  inject?: string;
  /** SIGKILL so long after `up`. */
  killAfterMs: number;
}

function plan(round: number): Plan {
  const killAfterMs = Math.random() * 250;
  const kinds = Object.keys(SYSCALLS);
  switch (round % 4) {
    case 0:
    case 1:
      return { name: 'random', killAfterMs };
    case 2: {
      const syscall = kinds[Math.floor(round / 4) % kinds.length]!;
      const nth = 1 + Math.floor(Math.random() * SYSCALLS[syscall]!);
      return { name: syscall, inject: `${syscall}:signal=SIGKILL:when=${nth}`, killAfterMs: 800 };
    }
    default: {
      const failure = FAILURES[Math.floor(round / 4) % FAILURES.length]!;
      const nth = 2 + Math.floor(Math.random() * 20);
      return { name: failure, inject: `${failure}:when=${nth}`, killAfterMs: 100 + killAfterMs };
    }
  }
}

/** Returns what was acknowledged before the end. */
async function runRound(config: string, round: number, { inject, killAfterMs }: Plan): Promise<string[]> {
  const child = start(config, String(round), '100000', inject);
  const acks: string[] = [];
  let killing = false;
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'close');
  lines.on('line', (line) => {
    if (line.startsWith('ack ')) acks.push(line.slice(4));
    if (line === 'up' && !killing) {
      killing = true;
      void sleep(killAfterMs).then(() => kill(child.pid!));
    }
  });
  const overdue = setTimeout(() => kill(child.pid!), 30_000);
  await ended;
  clearTimeout(overdue);
  return acks;
}

async function drain(config: string): Promise<void> {
  const child = start(config, 'drain', '0');
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4_000);
  });
  const lines = createInterface({ input: child.stdout });
  const drained = (async () => {
    for await (const line of lines) if (line === 'drained') return true;
    return false;
  })();
  const isDrained = await Promise.race([drained, sleep(60_000).then(() => false)]);
  child.kill('SIGTERM');
  await once(child, 'close');
  if (!isDrained) throw new Error(`the spool did not drain:\n${log}`);
}

function start(config: string, round: string, messages: string, inject?: string) {
  const program = [
    process.execPath,
    fileURLToPath(new URL('crash-child.ts', import.meta.url)),
    config,
    round,
    messages,
  ];
  const command =
    inject === undefined
      ? program
      : [
          'strace',
          '-f',
          '--seccomp-bpf',
          '-qq',
          '-o',
          '/dev/null',
          '-e',
          'trace=none',
          '-e',
          `inject=${inject}`,
          ...program,
        ];
  // A group of its own, so that strace and its program are killed together.
  return spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

function kill(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Ended already, as planned.
  }
}
