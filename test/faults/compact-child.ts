/**
 * One compaction of a whole archive that ends itself as `kill -9` does when a step begins for the nth time.
 *
 *     node compact-child.ts '{"storage":{...},"scratch":"/tmp/x","step":"put","at":1}'
 *
 * Ends with 0 where it came to its end before that.
 */
import { compactArchive } from '../../src/archive/compact/compact-archive.ts';
import type { CompactStep } from '../../src/archive/compact/compact-tools.ts';
import { renewManifest } from '../../src/archive/compact/renew-manifest.ts';
import { WorkerPool } from '../../src/archive/scan/worker-pool.ts';
import { EVERYTHING } from '../../src/archive/selection.ts';
import type { Config } from '../../src/config/schema.ts';
import { createObjectStore } from '../../src/storage/create-object-store.ts';

export interface CompactChild {
  storage: Pick<Config, 's3' | 'archive' | 'upload'>;
  scratch: string;
  parquet: boolean;
  /** Where it dies; nowhere by itself when left out. */
  step?: CompactStep;
  at?: number;
}

const { storage, scratch, parquet, step, at = 1 } = JSON.parse(process.argv[2]!) as CompactChild;
const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const store = createObjectStore(storage, silent);
const pool = new WorkerPool({ size: 1 });
const { signal } = new AbortController();
let count = 0;

const { days } = await compactArchive(
  {
    ...{
      selection: EVERYTHING,
      endedBeforeMs: Date.UTC(2100, 0),
      parquet,
      keepSources: false,
      dryRun: false,
    },
    onMade: (day, made, gone) => renewManifest(day, made, gone, { store, scratch, signal }),
  },
  {
    ...{ store, pool, scratch, level: 3, decisions: async () => [], signal },
    onStep: (begun) => {
      if (begun === step && ++count === at) process.kill(process.pid, 'SIGKILL');
    },
  },
);
for (const { error, day, channel } of days) if (error) console.error(day, channel, error);
process.exit(days.some(({ outcome }) => outcome === 'failed') ? 1 : 0);
