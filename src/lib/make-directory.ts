import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from './system-error.ts';

/**
 * Makes a directory and what is missing above it. Returns the topmost that was made; undefined where all were there.
 *
 * `mkdir` with `recursive` does the same, but tries for ever where a file system says ENOENT below a directory that
 * exists (as /proc does), on a thread that nothing can end.
 */
export async function makeDirectory(path: string): Promise<string | undefined> {
  try {
    await mkdir(path);
    return path;
  } catch (error) {
    if (await isDirectory(path)) return undefined;
    if (systemErrorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    const first = await makeDirectory(dirname(path));
    try {
      await mkdir(path);
    } catch (again) {
      if (!(await isDirectory(path))) throw again;
    }
    return first ?? path;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
