/** The index's database as a long-running process has it: opened when it is first needed. */
import type { Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Database } from './database/database.ts';
import { describeUrl, indexDirectory } from './database/database-place.ts';
import { deferredDatabase } from './database/deferred-database.ts';
import { isIndexEnabled } from './is-index-enabled.ts';

/** `isEnabled: false` where the configuration wants none: then every use says so, as `database_unavailable`. */
export function indexDatabase(config: Config, log: Logger): { database: Database; isEnabled: boolean } {
  const { database_url: url, data_dir } = config;
  const isEnabled = isIndexEnabled(config);
  const open = async (onEnded: () => void) => {
    const { openIndexDatabase } = await import('./open-index-database.ts');
    return openIndexDatabase(config, log, onEnded);
  };
  const kind = url === undefined ? 'pglite' : 'postgres';
  const name =
    url === undefined ? `PGlite in ${indexDirectory(data_dir)}` : `PostgreSQL at ${describeUrl(url)}`;
  return { database: deferredDatabase({ kind, name, open: isEnabled ? open : refuse }), isEnabled };
}

async function refuse(): Promise<never> {
  throw new ChatlogError('index_off', 'this instance keeps no index', {
    hint: 'Set "index.enabled: true" or a "database_url".',
  });
}
