/** Files below what the user named, one by one: however many there are, none is remembered. */
import { opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { ifMissing, isMissing } from '../../lib/system-error.ts';

export interface FoundSource {
  /** `-` is standard input. */
  path: string;
  /** 0 where nobody knows. */
  bytes: number;
  /** Standard input and pipes can be read only once. */
  isOnce?: true;
  /** Whether the user named it itself, rather than a directory it lies in. */
  isNamed: boolean;
}

/** Throws `import_source_missing`, or the system's error where a directory cannot be read. */
export async function* findSources(paths: readonly string[]): AsyncGenerator<FoundSource> {
  for (const path of paths) {
    if (path === '-') {
      yield { path, bytes: 0, isNamed: true, isOnce: true };
      continue;
    }
    const info = await stat(path).catch((error: unknown) => {
      if (isMissing(error)) throw new ChatlogError('import_source_missing', `${path} is not there`);
      throw error;
    });
    if (info.isDirectory()) yield* below(path, []);
    else if (info.isFile()) yield { path, bytes: info.size, isNamed: true };
    else yield { path, bytes: 0, isNamed: true, isOnce: true };
  }
}

/** @param above real paths of the directories that it lies in: a link to one of them leads nowhere new */
async function* below(directory: string, above: readonly string[]): AsyncGenerator<FoundSource> {
  const real = await realpath(directory);
  if (above.includes(real)) return;
  for await (const { name } of await opendir(directory)) {
    // Hidden ones are those of systems and programs.
    if (name.startsWith('.')) continue;
    const path = join(directory, name);
    const info = await stat(path).catch(ifMissing);
    if (info?.isDirectory()) yield* below(path, [...above, real]);
    else if (info?.isFile()) yield { path, bytes: info.size, isNamed: false };
  }
}
