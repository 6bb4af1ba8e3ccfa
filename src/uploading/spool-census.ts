/** Counts what lies in the spool: the figures of the status come from the disk, not from counters that can lie. */
import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { ifMissing } from '../lib/system-error.ts';
import type { Spool, SpoolDirectory } from '../spool.ts';

export interface SpoolCensus {
  sealedFiles: number;
  sealedBytes: number;
  /** When the segment that has waited longest was last written, ms since the epoch; undefined where none waits. */
  oldestSealedMs: number | undefined;
  uploadedFiles: number;
  quarantinedFiles: number;
}

export const EMPTY_CENSUS: SpoolCensus = {
  sealedFiles: 0,
  sealedBytes: 0,
  oldestSealedMs: undefined,
  uploadedFiles: 0,
  quarantinedFiles: 0,
};

const STATS_AT_ONCE = 32;

export async function takeCensus(spool: Spool, signal: AbortSignal): Promise<SpoolCensus> {
  const census = { ...EMPTY_CENSUS };
  const count = async (path: string): Promise<void> => {
    const stats = await lstat(path).catch(ifMissing);
    if (!stats?.isFile()) return;
    census.sealedFiles++;
    census.sealedBytes += stats.size;
    census.oldestSealedMs = Math.min(census.oldestSealedMs ?? stats.mtimeMs, stats.mtimeMs);
  };
  let batch: Promise<void>[] = [];
  for await (const name of names(spool, 'sealed', signal)) {
    batch.push(count(join(spool.path('sealed'), name)));
    if (batch.length < STATS_AT_ONCE) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  for await (const _name of names(spool, 'uploaded', signal)) census.uploadedFiles++;
  for await (const _name of names(spool, 'quarantine', signal)) census.quarantinedFiles++;
  return census;
}

async function* names(spool: Spool, directory: SpoolDirectory, signal: AbortSignal): AsyncGenerator<string> {
  for await (const entry of await opendir(spool.path(directory), { bufferSize: 256 })) {
    signal.throwIfAborted();
    yield entry.name;
  }
}
