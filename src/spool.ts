/**
 * The spool: where segments live on the local disk between the recorder and the storage. A segment's state is the
 * directory it lies in; every move is one rename within one file system, so that a crash leaves it in exactly one.
 *
 *     open/        written by this process, one `.jsonl` per channel and hour
 *     recovered/   left open by a process that died: to be checked line by line, then sealed
 *     sealed/      immutable; plain, then compressed; to be uploaded
 *     uploaded/    verified in storage; to be deleted once nothing needs it locally any more
 *     quarantine/  what is not ours or could not be understood: never touched again, reported
 *     tmp/         half-written compressions; emptied at every start
 *     state/       coverage of each channel
 */
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { makeDirectory } from './lib/make-directory.ts';

export const SPOOL_DIRECTORIES = [
  'open',
  'recovered',
  'sealed',
  'uploaded',
  'quarantine',
  'tmp',
  'state',
] as const;
export type SpoolDirectory = (typeof SPOOL_DIRECTORIES)[number];

export interface Spool {
  readonly root: string;
  /** Path of a directory, or of a file in it. */
  path(directory: SpoolDirectory, file?: string): string;
}

/** Creates what is missing. Throws the system's error where the directory cannot be written. */
export async function openSpool(root: string): Promise<Spool> {
  for (const directory of SPOOL_DIRECTORIES) await makeDirectory(join(root, directory));
  await syncDirectory(root);
  return spoolAt(root);
}

/** The spool that is there, without making anything; undefined where nothing was ever recorded. */
export async function findSpool(root: string): Promise<Spool | undefined> {
  const isThere = await stat(join(root, 'open')).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  return isThere ? spoolAt(root) : undefined;
}

function spoolAt(root: string): Spool {
  return {
    root,
    path: (directory, file) => (file === undefined ? join(root, directory) : join(root, directory, file)),
  };
}

/** Makes creations, renames and removals in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
