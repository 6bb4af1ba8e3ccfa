/** Commands of a shell, and what they take. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NODE } from '../../test/support/run-command.ts';
import { median } from './report.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const WATCH_MS = 20;

/** The program as it is shipped, for a shell. */
export const CHATLOG = `"${NODE}" "${MAIN}"`;

export interface Timed {
  name: string;
  /** Medians. */
  seconds: number;
  cpuSeconds: number;
}

/** In turns, so that what else the machine does is shared by all. */
export async function timedInTurns(
  ways: readonly (readonly [name: string, command: string])[],
  rounds: number,
): Promise<Timed[]> {
  const taken = ways.map((): { seconds: number; cpuSeconds: number }[] => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, [, command]] of ways.entries()) taken[index]!.push(await timed(command));
  return ways.map(([name], index) => ({
    name,
    seconds: median(taken[index]!.map(({ seconds }) => seconds)),
    cpuSeconds: median(taken[index]!.map(({ cpuSeconds }) => cpuSeconds)),
  }));
}

/** `cpuSeconds`: of the processors, by all of its processes. */
async function timed(command: string): Promise<{ seconds: number; cpuSeconds: number }> {
  const startedMs = performance.now();
  // `times` of the shell: what its children took.
  const shell = spawn('bash', ['-c', `${command}; times`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = await Promise.all([text(shell.stdout), once(shell, 'close')]);
  const seconds = (performance.now() - startedMs) / 1000;
  const children = printed.trim().split('\n').at(-1)!;
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, rest]) => sum + Number(minutes) * 60 + Number(rest),
    0,
  );
  return { seconds, cpuSeconds };
}

/** The most memory that a command of Chatlog had at a time, in bytes. */
export async function peakBytes(args: readonly string[]): Promise<number> {
  const child = spawn(NODE, [MAIN, ...args], { stdio: 'ignore' });
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`${args[0]} ended with code ${code}`);
  });
  let peak = 0;
  while (child.exitCode === null) {
    peak = Math.max(peak, highWaterBytes(child.pid!));
    await sleep(WATCH_MS);
  }
  await ended;
  return peak;
}

function highWaterBytes(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    // Ended meanwhile.
    return 0;
  }
}
