/** A command from its start to its end: how long it took, of which processor time, and the most memory it held. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Measured {
  seconds: number;
  cpuSeconds: number;
  /** Resident, of the process itself. */
  peakBytes: number;
}

const WATCH_MS = 20;
const TICKS_PER_SECOND = 100;

/** Throws where it fails. */
export async function measureCommand(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Measured> {
  const startedMs = performance.now();
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'close').then(([code]) => {
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${code}`);
  });
  const measured: Measured = { seconds: 0, cpuSeconds: 0, peakBytes: 0 };
  while (child.exitCode === null) {
    watch(child.pid!, measured);
    await sleep(WATCH_MS);
  }
  await ended;
  measured.seconds = (performance.now() - startedMs) / 1000;
  return measured;
}

function watch(pid: number, measured: Measured): void {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
    measured.peakBytes = Math.max(measured.peakBytes, peak);
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const [user, system] = rest.split(' ').slice(11, 13).map(Number) as [number, number];
    measured.cpuSeconds = (user + system) / TICKS_PER_SECOND;
  } catch {
    // Ended meanwhile.
  }
}
