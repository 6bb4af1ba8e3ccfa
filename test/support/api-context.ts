/** What the API is made of in tests, around a database. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiContext } from '../../src/api/api-context.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import type { Database } from '../../src/index/database/database.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';
import { silentLog } from './recorder-fixture.ts';

export interface TestContextOptions {
  database: Database;
  /** Over the `http` section. Its rate limit is out of the way unless it is given. */
  http?: Partial<Config['http']>;
  /** Of the archive; one that is empty when left out. */
  directory?: string;
  overrides?: Partial<ApiContext>;
}

export function apiContext({ database, http, directory, overrides }: TestContextOptions): ApiContext {
  const config = configSchema.parse({
    archive: { directory: directory ?? join(process.env.CHATLOG_TEST_TMP ?? tmpdir(), 'empty-archive') },
    http: { rate_limit: 1_000_000, ...http },
  });
  return {
    database,
    store: createObjectStore(config, silentLog),
    privacy: OPEN_GATE,
    log: silentLog,
    config: () => config,
    now: Date.now,
    recorder: undefined,
    ...overrides,
  };
}
