/** Which database the configuration means: the one at `database_url`, else PGlite below `data_dir`. */
import { readdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { lockDirectory } from '../lib/instance-lock.ts';
import type { Logger } from '../lib/logger.ts';
import { makeDirectory } from '../lib/make-directory.ts';
import type { Database } from './database/database.ts';
import { indexDirectory } from './database/database-place.ts';

/** What was set aside, below `data_dir`: `index.broken-20261121T181200Z`. Nothing but {@link removeBrokenIndexes} removes it. */
const BROKEN = 'index.broken';

/** What could not be opened is opened once more after so long, before it is taken for broken. */
const AGAIN_MS = 2_000;
/** Some files of PostgreSQL's write-ahead log, which it makes as it opens. */
const DISK_FREE_MIN = 64 * 1024 * 1024;
const OF_THE_MACHINE =
  /out of memory|\bOOM\b|cannot enlarge memory|(could not|cannot|unable to|failed to) allocate|no space left|permission denied|\b(ENOSPC|EDQUOT|ENOMEM|EMFILE|ENFILE|EACCES|EPERM|EROFS|EIO)\b/i;

type DatabaseConfig = Pick<Config, 'data_dir' | 'database_url' | 'database_read_url' | 'index'>;

/**
 * Touches no server yet: what is wrong with it is said by the first use. PGlite's files are this process's alone until it
 * is disposed: throws `index_in_use` where another one has them. `onEnded`: PGlite ended by itself; dispose of it, and
 * open anew.
 */
export async function openIndexDatabase(
  config: DatabaseConfig,
  log: Logger,
  onEnded?: () => void,
): Promise<Database> {
  const { database_url: url, database_read_url: readUrl, index, data_dir } = config;
  if (url !== undefined) {
    const { createPostgresDatabase } = await import('./database/postgres-database.ts');
    return createPostgresDatabase({ url, ...(readUrl && { readUrl }), poolMax: index.connections, log });
  }
  const directory = indexDirectory(data_dir);
  await makeDirectory(directory);
  const lock = await lockDirectory(directory).catch((error: unknown) => {
    if (!(error instanceof ChatlogError)) throw error;
    throw new ChatlogError('index_in_use', `another chatlog has the index in ${directory} open`, {
      hint: 'One process at a time can use the embedded database: stop the other one, or set "database_url".',
      cause: error,
    });
  });
  try {
    const database = await openEmbedded(directory, log, onEnded);
    return {
      ...database,
      async [Symbol.asyncDispose]() {
        await database[Symbol.asyncDispose]();
        await lock[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * PGlite syncs nothing: a power failure can leave files that it cannot open any more. They are set aside and a new database
 * is made, which the indexer fills again from the archive.
 */
async function openEmbedded(directory: string, log: Logger, onEnded?: () => void): Promise<Database> {
  const existed = (await readdir(directory)).length > 0;
  try {
    return await openFiles(directory, onEnded);
  } catch (error) {
    if (!existed || (await mayPass(error, directory))) throw error;
  }
  await sleep(AGAIN_MS);
  try {
    return await openFiles(directory, onEnded);
  } catch (error) {
    if (await mayPass(error, directory)) throw error;
    await setAside(directory, error, log);
    return openFiles(directory, onEnded);
  }
}

async function openFiles(directory: string, onEnded?: () => void): Promise<Database> {
  const { createPgliteDatabase } = await import('./database/pglite-database.ts');
  let isOpen = false;
  // One that cannot be opened ends too: that is this function's error.
  const database = await createPgliteDatabase(directory, () => {
    if (isOpen) onEnded?.();
  });
  try {
    await database.read((session) => session.query('SELECT 1'));
    isOpen = true;
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether the machine may be the cause rather than the files: then they are opened again later. */
async function mayPass(error: unknown, directory: string): Promise<boolean> {
  // A thread that ended tells nothing of the files.
  if (error instanceof ChatlogError || OF_THE_MACHINE.test(errorText(error))) return true;
  // PostgreSQL says why it gave up to its own log, not to us.
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize < DISK_FREE_MIN;
}

async function setAside(directory: string, error: unknown, log: Logger): Promise<void> {
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const broken = join(dirname(directory), `${BROKEN}-${time}`);
  await rename(directory, broken);
  log.error(
    { err: errorText(error), broken },
    'the embedded database cannot be opened any more; it is set aside and made anew from the archive. Tokens have to be made again',
  );
}

/** Databases that were set aside: nobody can take single rows out of them. */
export async function removeBrokenIndexes(dataDir: string): Promise<void> {
  const broken = (await readdir(dataDir)).filter((name) => name.startsWith(BROKEN));
  for (const name of broken) await rm(join(dataDir, name), { recursive: true, force: true });
}
