/** Puts aside what is not ours or cannot be understood. Nothing is deleted, and nothing in quarantine is replaced. */
import { rename } from 'node:fs/promises';
import { isTaken } from '../lib/is-taken.ts';
import { ifMissing } from '../lib/system-error.ts';
import { type Spool, syncDirectory } from '../spool.ts';

/** Moves a file (or whatever it is) from sealed/; its new name, undefined where it was gone already. */
export async function quarantine(spool: Spool, file: string): Promise<string | undefined> {
  let name = file;
  for (let count = 1; isTaken(spool.path('quarantine', name)); count++) name = `${file}.${count}`;
  try {
    await rename(spool.path('sealed', file), spool.path('quarantine', name));
  } catch (error) {
    return ifMissing(error);
  }
  await syncDirectory(spool.path('quarantine'));
  await syncDirectory(spool.path('sealed'));
  return name;
}
