import type { LoadedConfig } from '../config/load-config.ts';
import type { Database } from '../index/database/database.ts';
import { migrate } from '../index/database/migrate.ts';
import { openIndexDatabase } from '../index/open-index-database.ts';
import { createLogger } from '../lib/create-logger.ts';

/** Work of a command on the index's database, opened for it alone and brought up to this version's schema. */
export async function withIndex<T>(
  { config, secrets }: Pick<LoadedConfig, 'config' | 'secrets'>,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const log = await createLogger({ level: 'error', format: config.log.format, secrets, fd: 2 });
  await using database = await openIndexDatabase(config, log);
  await migrate(database);
  return await work(database);
}
