/** The index's database as a long-running process has it: opened when it is first needed. */
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { Database } from './database/database.ts';
import { deferredDatabase } from './database/deferred-database.ts';
import { isIndexEnabled, openIndexDatabase } from './open-index-database.ts';

/** `isEnabled: false` where the configuration wants none: then every use says so, as `database_unavailable`. */
export function indexDatabase(config: Config, log: Logger): { database: Database; isEnabled: boolean } {
  const { database_url: url, data_dir } = config;
  const isEnabled = isIndexEnabled(config);
  const open = isEnabled ? (onEnded: () => void) => openIndexDatabase(config, log, onEnded) : refuse;
  const kind = url === undefined ? 'pglite' : 'postgres';
  const name = url === undefined ? `PGlite in ${join(data_dir, 'index')}` : `PostgreSQL at ${placeOf(url)}`;
  return { database: deferredDatabase({ kind, name, open }), isEnabled };
}

async function refuse(): Promise<never> {
  throw new ChatlogError('index_off', 'this instance keeps no index', {
    hint: 'Set "index.enabled: true" or a "database_url".',
  });
}

/** `host:port/database`: nothing secret. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
