/** DuckDB, which is no part of the program: who wants to ask the archive with SQL has it installed. */
import { ChatlogError } from '../../lib/errors.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

export type DuckDb = typeof import('@duckdb/node-api');

/** As in `package.json`. */
export const DUCKDB_VERSION = '1.5.5-r.5';

/** Throws `duckdb_missing` where it is not installed. */
export async function loadDuckDb(): Promise<DuckDb> {
  try {
    return await import('@duckdb/node-api');
  } catch (error) {
    const isMissing = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(systemErrorCode(error) ?? '');
    throw new ChatlogError(
      'duckdb_missing',
      isMissing
        ? 'this needs DuckDB, which is not installed'
        : `DuckDB cannot be loaded: ${(error as Error).message}`,
      {
        hint: `Install it where chatlog is: npm install --no-save @duckdb/node-api@${DUCKDB_VERSION}`,
        cause: error,
      },
    );
  }
}
