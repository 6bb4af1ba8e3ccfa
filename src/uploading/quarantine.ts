/** Puts aside what is not ours or cannot be understood. Nothing is deleted, and nothing in quarantine is replaced. */
import { lstat, rename } from 'node:fs/promises';
import { systemErrorCode } from '../lib/system-error.ts';
import { type Spool, syncDirectory } from '../spool.ts';

/** Moves a file (or whatever it is) from sealed/; its new name, undefined where it was gone already. */
export async function quarantine(spool: Spool, file: string): Promise<string | undefined> {
  let name = file;
  for (let count = 1; await isTaken(spool.path('quarantine', name)); count++) name = `${file}.${count}`;
  try {
    await rename(spool.path('sealed', file), spool.path('quarantine', name));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  await syncDirectory(spool.path('quarantine'));
  await syncDirectory(spool.path('sealed'));
  return name;
}

async function isTaken(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
}
