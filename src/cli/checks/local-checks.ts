/** What this machine must offer: a directory to write to, room in it, a free port. */
import { access, constants, open, rm, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { RunFile } from '../../api/status.ts';
import type { Config } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { explainingFileErrors } from '../../lib/explain-file-error.ts';
import { formatBytes } from '../format.ts';
import { attempt, type CheckResult } from './check-result.ts';

/** Writes, syncs and removes a file; looks at the free space. Creates no directory. */
export function checkDataDirectory(config: Config): Promise<CheckResult> {
  const directory = config.data_dir;
  return attempt('data_dir', async () => {
    const existing = await nearestDirectory(directory);
    await explainingFileErrors({ name: 'data_dir', path: directory }, () =>
      existing === directory ? writeProbe(directory) : access(existing, constants.W_OK | constants.X_OK),
    );
    const { bavail, bsize } = await statfs(existing);
    const free = bavail * bsize;
    const detail = `${directory}${existing === directory ? ' is writable' : ' will be created'}, ${formatBytes(free)} free`;
    if (free >= config.recorder.min_free_bytes * 2) return { outcome: 'ok', detail };
    const outcome = free < config.recorder.min_free_bytes ? 'failed' : 'warn';
    return {
      outcome,
      detail,
      hint: `make room: below ${formatBytes(config.recorder.min_free_bytes)} presence is no longer recorded`,
    };
  });
}

async function nearestDirectory(path: string): Promise<string> {
  for (let directory = path; ; directory = dirname(directory)) {
    const info = await stat(directory).catch(() => undefined);
    if (info?.isDirectory()) return directory;
    if (info)
      throw new ChatlogError('not_a_directory', `${directory} is not a directory`, {
        hint: 'choose another "data_dir"',
      });
    if (dirname(directory) === directory) return directory;
  }
}

async function writeProbe(directory: string): Promise<void> {
  const path = join(directory, `.chatlog-check-${process.pid}`);
  try {
    const handle = await open(path, 'w');
    try {
      await handle.writeFile('check\n');
      await handle.sync();
    } finally {
      await handle.close();
    }
  } finally {
    await rm(path, { force: true });
  }
}

/** The port is free, or our own running instance has it. */
export function checkHttpPort(config: Config, running: RunFile | undefined): Promise<CheckResult> {
  const { host, port } = config.http;
  return attempt('http', async () => {
    const error = await tryListen(host, port);
    if (!error)
      return { outcome: 'ok', detail: port === 0 ? `any free port on ${host}` : `${host}:${port} is free` };
    if (error.code !== 'EADDRINUSE') throw error;
    if (running?.url && new URL(running.url).port === String(port)) {
      return {
        outcome: 'ok',
        detail: `${host}:${port} is in use by the running recorder (pid ${running.pid})`,
      };
    }
    throw new ChatlogError('port_in_use', `${host}:${port} is in use by another program`, {
      hint: 'choose another "http.port" (0 = any free one)',
    });
  });
}

function tryListen(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}
