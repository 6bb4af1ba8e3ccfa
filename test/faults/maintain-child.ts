/**
 * One maintenance that ends itself as `kill -9` does, at one operation of the database.
 *
 *     node maintain-child.ts URL DIRECTORY OPERATION
 *
 * Ends with 0 where it came to its end before that.
 */
import { configSchema } from '../../src/config/schema.ts';
import { createPostgresDatabase } from '../../src/index/database/postgres-database.ts';
import { maintain } from '../../src/index/retention/maintain.ts';
import { OPEN_GATE } from '../../src/privacy/privacy-gate.ts';
import { createDirectoryObjectStore } from '../../src/storage/directory-object-store.ts';
import { cutDatabase } from '../support/cut-database.ts';
import { HISTORY_NOW, historyConfig } from '../support/retention-history.ts';

const [url, directory, operation] = process.argv.slice(2) as [string, string, string];
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const database = cutDatabase(
  createPostgresDatabase({ url, poolMax: 4, log: silent }),
  Number(operation),
  Number(operation) % 2 === 0 ? 'before' : 'after',
  () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => {});
  },
);
const config = configSchema.parse(historyConfig(directory));
await maintain(
  {},
  {
    ...{
      database,
      store: await createDirectoryObjectStore(`${directory}/archive`),
      privacy: OPEN_GATE,
      log: silent,
    },
    ...{ fetch, scratch: `${directory}/scratch`, instance: '', now: () => HISTORY_NOW, random: () => 1 },
    config: () => config,
    derive: async () => {},
  },
  new AbortController().signal,
);
process.exit(0);
