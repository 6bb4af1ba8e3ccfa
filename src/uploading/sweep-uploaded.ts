/** Deletes verified segments from uploaded/ once they are no longer wanted locally. */
import { opendir, stat, statfs, unlink } from 'node:fs/promises';
import { ifMissing } from '../lib/system-error.ts';
import { parseSegmentFile } from '../segment-name.ts';
import { type Spool, syncDirectory } from '../spool.ts';

export interface SweepRules {
  spool: Spool;
  /** Verified files stay for so long. */
  keepLocalMs: number;
  /** Below this much free disk they go at once. */
  minFreeBytes: number;
  now: () => number;
  /** Whether nothing else needs the file any more. */
  mayDelete: (file: string) => boolean;
  freeBytes: () => Promise<number>;
}

/** Free disk is asked again after so many deletions. */
const DELETIONS_PER_LOOK = 16;

/**
 * How many were deleted. What is not a segment is left alone. One that cannot be deleted does not stop the others; its
 * error is thrown in the end.
 */
export async function sweepUploaded(rules: SweepRules, signal: AbortSignal): Promise<number> {
  const { spool, minFreeBytes, freeBytes } = rules;
  let deleted = 0;
  let failure: unknown;
  let diskIsFull = (await freeBytes()) < minFreeBytes;
  for await (const entry of await opendir(spool.path('uploaded'), { bufferSize: 256 })) {
    signal.throwIfAborted();
    if (!entry.isFile() || !parseSegmentFile(entry.name)) continue;
    try {
      if (!diskIsFull && !(await isDispensable(rules, entry.name))) continue;
      await unlink(spool.path('uploaded', entry.name)).catch(ifMissing);
      deleted++;
    } catch (error) {
      failure ??= error;
      continue;
    }
    if (diskIsFull && deleted % DELETIONS_PER_LOOK === 0) diskIsFull = (await freeBytes()) < minFreeBytes;
  }
  if (deleted > 0) await syncDirectory(spool.path('uploaded'));
  if (failure !== undefined) throw failure;
  return deleted;
}

/**
 * The common case without a look at the whole directory: delete this one now, if that is allowed. Where the disk is
 * nearly full it goes whoever needs it, since the next segment needs its place.
 */
export async function deleteUploaded(rules: SweepRules, file: string): Promise<boolean> {
  const { spool, keepLocalMs, minFreeBytes, mayDelete, freeBytes } = rules;
  const isDispensable = keepLocalMs === 0 && mayDelete(file);
  if (!isDispensable && (await freeBytes()) >= minFreeBytes) return false;
  await unlink(spool.path('uploaded', file)).catch(ifMissing);
  return true;
}

/** Free bytes for an unprivileged process on the file system of a path. */
export async function freeBytesAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

async function isDispensable(
  { spool, keepLocalMs, now, mayDelete }: SweepRules,
  file: string,
): Promise<boolean> {
  if (!mayDelete(file)) return false;
  if (keepLocalMs === 0) return true;
  // The rename into uploaded/ set the change time.
  const stats = await stat(spool.path('uploaded', file)).catch(ifMissing);
  return stats !== undefined && now() - stats.ctimeMs >= keepLocalMs;
}
