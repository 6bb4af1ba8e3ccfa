import { join } from 'node:path';
import type { LoadedConfig } from '../config/load-config.ts';
import type { Database } from '../index/database/database.ts';
import { Indexer } from '../index/indexer.ts';
import { openIndexDatabase } from '../index/open-index-database.ts';
import { createLogger } from '../lib/create-logger.ts';
import { ChatlogError } from '../lib/errors.ts';
import { DecisionLog } from '../privacy/decision-log.ts';
import { decisionArchive, decisionDirectory } from '../privacy/decision-places.ts';
import { findSpool } from '../spool.ts';
import { createObjectStore } from '../storage/create-object-store.ts';

/**
 * Work of a command on an indexer of its own: over the storage, and over the data directory where there is one. What
 * people asked to be forgotten is known before anything is loaded: throws where that cannot be read.
 */
export async function withIndexer<T>(
  { config, secrets }: Pick<LoadedConfig, 'config' | 'secrets'>,
  work: (indexer: Indexer, parts: { database: Database }) => Promise<T>,
): Promise<T> {
  const log = await createLogger({ level: 'warn', format: config.log.format, secrets, fd: 2 });
  const store = createObjectStore(config, log);
  const stop = new AbortController();
  try {
    const spool = await findSpool(config.data_dir);
    const archive = decisionArchive(store);
    const local = spool && decisionDirectory(join(spool.path('state'), 'decisions'));
    const decisions = new DecisionLog({ places: local ? [local, archive] : [archive], log, now: Date.now });
    await decisions.load();
    if (local && !(await decisions.sync(stop.signal)))
      throw new ChatlogError(
        'decisions_unknown',
        `cannot read in ${store.name} whom the index must not hold`,
        {
          hint: 'Try again when the storage answers: "chatlog check".',
        },
      );
    await using database = await openIndexDatabase(config, log);
    const indexer = new Indexer({
      ...{ config: () => config, spool, store, database, log, now: Date.now },
      privacy: decisions.gate,
    });
    void decisions.run(stop.signal);
    return await work(indexer, { database });
  } finally {
    stop.abort();
    store.close();
    log.flush();
  }
}
