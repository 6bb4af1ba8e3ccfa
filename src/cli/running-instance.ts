import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunFile } from '../api/status.ts';
import { systemErrorCode } from '../lib/system-error.ts';

/** The instance that records into this directory; undefined where none does (a dead one's file counts for nothing). */
export async function runningInstance(dataDir: string): Promise<RunFile | undefined> {
  try {
    const run = JSON.parse(await readFile(join(dataDir, 'state', 'run.json'), 'utf8')) as Partial<RunFile>;
    if (typeof run.pid !== 'number' || !Number.isInteger(run.pid) || run.pid <= 0 || !isAlive(run.pid))
      return undefined;
    const url = typeof run.url === 'string' && URL.canParse(run.url) ? run.url : null;
    return {
      pid: run.pid,
      url,
      startedAt: String(run.startedAt ?? ''),
      version: String(run.version ?? ''),
      ...(typeof run.localToken === 'string' && { localToken: run.localToken }),
    };
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}
