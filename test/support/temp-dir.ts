/** Temporary directories of tests, below the one that `global-setup.ts` makes and removes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TempDir extends AsyncDisposable {
  readonly path: string;
  /** A path below it. */
  join(...parts: string[]): string;
}

/** Use with `await using`: the directory goes away at the end of the scope. */
export async function tempDir(name = 'test'): Promise<TempDir> {
  const path = await mkdtemp(join(process.env.CHATLOG_TEST_TMP ?? tmpdir(), `${name}-`));
  return {
    path,
    join: (...parts) => join(path, ...parts),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
  };
}
