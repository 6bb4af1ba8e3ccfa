/** `chatlog api` or `chatlog index` as they are shipped, each a process of its own whose memory is looked at. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freePort } from '../../test/support/free-port.ts';

const BUNDLE = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const READY_MS = 30_000;

export interface MeasuredProcess {
  url: string;
  rssBytes(): number;
  peakBytes(): number;
  stop(): Promise<void>;
  ended: Promise<number>;
}

export async function startApi(directory: string, config: Record<string, unknown>): Promise<MeasuredProcess> {
  const port = await freePort();
  const http = { ...(config.http as object), port, rate_limit: 1_000_000_000 };
  const running = await start(directory, ['api'], { ...config, http });
  const url = `http://127.0.0.1:${port}`;
  for (const giveUpAt = Date.now() + READY_MS; ; await sleep(100)) {
    if (
      await fetch(`${url}/api/stats`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      break;
    if (Date.now() > giveUpAt) throw new Error('chatlog api does not answer');
  }
  return { ...running, url };
}

export function startIndex(directory: string, config: Record<string, unknown>): Promise<MeasuredProcess> {
  return start(directory, ['index', '--json'], config);
}

async function start(
  directory: string,
  argv: string[],
  config: Record<string, unknown>,
): Promise<MeasuredProcess> {
  const file = join(directory, `${argv[0]}.yaml`);
  await writeFile(file, stringify({ log: { level: 'error', format: 'json' }, ...config }));
  const child: ChildProcess = spawn(process.execPath, [BUNDLE, ...argv, '--config', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit').then(([code]) => Number(code));
  const memory = (field: string) => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) * 1024;
    } catch {
      return 0;
    }
  };
  return {
    url: '',
    rssBytes: () => memory('VmRSS'),
    peakBytes: () => memory('VmHWM'),
    ended,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
