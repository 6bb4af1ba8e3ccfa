/** Indexes that need an extension which not every server has, or lets everyone create. */
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Database } from './database/database.ts';

/** Any number that nobody else locks. */
const OPTIONAL_INDEX_LOCK = 24_285_643;

/**
 * A part of a name from its middle (/api/users?search=). Whether the index is there now; where it cannot be made, names
 * are found by their beginning alone. Safe to be called by several processes, at every start.
 */
export async function createTrigramIndex(database: Database, log: Logger): Promise<boolean> {
  try {
    await database.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock($1)', [OPTIONAL_INDEX_LOCK]);
      await session.exec('CREATE EXTENSION IF NOT EXISTS pg_trgm');
      await session.exec(
        'CREATE INDEX IF NOT EXISTS user_names_by_trigram ON user_names USING gin (login gin_trgm_ops)',
      );
    });
    return true;
  } catch (error) {
    log.info(
      { err: errorText(error) },
      'without the extension pg_trgm users are found by the beginning of their names only',
    );
    return false;
  }
}
