/** Which database the configuration means: the one at `database_url`, else PGlite below `data_dir`. */
import { readdir, rename, rm } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { lockDirectory } from '../lib/instance-lock.ts';
import type { Logger } from '../lib/logger.ts';
import { makeDirectory } from '../lib/make-directory.ts';
import type { Database } from './database/database.ts';

/** What a machine that is sold as one of 1 GB tells of itself, at least. */
const EMBEDDED_MEMORY_MIN = 900 * 1024 * 1024;

/** Below `data_dir`. */
const DIRECTORY = 'index';

/** Where files of the embedded database are set aside that cannot be opened any more. */
export function brokenIndexPath(dataDir: string): string {
  return join(dataDir, `${DIRECTORY}.broken`);
}

type DatabaseConfig = Pick<Config, 'data_dir' | 'database_url' | 'database_read_url' | 'index'>;

/** Whether this configuration wants an index on this machine. */
export function isIndexEnabled(
  { index, database_url }: Pick<DatabaseConfig, 'index' | 'database_url'>,
  memoryBytes = machineMemory(),
): boolean {
  if (index.enabled !== 'auto') return index.enabled;
  return database_url !== undefined || memoryBytes >= EMBEDDED_MEMORY_MIN;
}

/** What this process may use: the machine's memory, or the container's where that is less. */
export function machineMemory(): number {
  const limit = process.constrainedMemory() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Touches no server yet: what is wrong with it is said by the first use. PGlite's files are this process's alone until it
 * is disposed: throws `index_in_use` where another one has them.
 */
export async function openIndexDatabase(config: DatabaseConfig, log: Logger): Promise<Database> {
  const { database_url: url, database_read_url: readUrl, index, data_dir } = config;
  if (url !== undefined) {
    const { createPostgresDatabase } = await import('./database/postgres-database.ts');
    return createPostgresDatabase({ url, ...(readUrl && { readUrl }), poolMax: index.connections, log });
  }
  const directory = join(data_dir, DIRECTORY);
  await makeDirectory(directory);
  const lock = await lockDirectory(directory).catch((error: unknown) => {
    if (!(error instanceof ChatlogError)) throw error;
    throw new ChatlogError('index_in_use', `another chatlog has the index in ${directory} open`, {
      hint: 'One process at a time can use the embedded database: stop the other one, or set "database_url".',
      cause: error,
    });
  });
  try {
    const database = await openEmbedded(directory, brokenIndexPath(data_dir), log);
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
async function openEmbedded(directory: string, broken: string, log: Logger): Promise<Database> {
  const { createPgliteDatabase } = await import('./database/pglite-database.ts');
  const existed = (await readdir(directory)).length > 0;
  const database = await createPgliteDatabase(directory);
  try {
    await database.read((session) => session.query('SELECT 1'));
    return database;
  } catch (error) {
    await database[Symbol.asyncDispose]();
    // A thread that ended (no memory, say) tells nothing of the files.
    if (!existed || error instanceof ChatlogError) throw error;
    await rm(broken, { recursive: true, force: true });
    await rename(directory, broken);
    log.error(
      { err: errorText(error), broken },
      'the embedded database cannot be opened any more; it is set aside and made anew from the archive. Tokens have to be made again',
    );
    return createPgliteDatabase(directory);
  }
}
