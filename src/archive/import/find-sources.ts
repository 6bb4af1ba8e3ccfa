/** Files below what the user named, one by one: however many there are, none is remembered. */
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { isMissing } from '../../lib/system-error.ts';

export interface FoundSource {
  /** `-` is standard input. */
  path: string;
  /** 0 where nobody knows. */
  bytes: number;
  /** Whether the user named it itself, rather than a directory it lies in. */
  isNamed: boolean;
}

/** Throws `import_source_missing`, or the system's error where a directory cannot be read. */
export async function* findSources(paths: readonly string[]): AsyncGenerator<FoundSource> {
  for (const path of paths) {
    if (path === '-') {
      yield { path, bytes: 0, isNamed: true };
      continue;
    }
    const info = await stat(path).catch((error: unknown) => {
      if (isMissing(error)) throw new ChatlogError('import_source_missing', `${path} is not there`);
      throw error;
    });
    if (info.isDirectory()) yield* below(path);
    else yield { path, bytes: info.size, isNamed: true };
  }
}

async function* below(directory: string): AsyncGenerator<FoundSource> {
  for await (const entry of await opendir(directory)) {
    const path = join(directory, entry.name);
    // Hidden ones are those of systems and programs; links may lead anywhere, also back.
    if (entry.name.startsWith('.') || entry.isSymbolicLink()) continue;
    if (entry.isDirectory()) yield* below(path);
    else if (entry.isFile()) yield { path, bytes: (await stat(path)).size, isNamed: false };
  }
}
