/** The index as a role of `chatlog run`: follows what is recorded, and does what admins ask of it. */

import { IndexJobs } from './index-job.ts';
import type { IndexStatus } from './index-status.ts';
import { Indexer, type IndexerOptions } from './indexer.ts';
import type { Loader } from './loader.ts';

export interface IndexRole {
  /** Until aborted; then ends within moments. Never rejects: nothing of the index is a reason to stop recording. */
  run(signal: AbortSignal): Promise<void>;
  status(): IndexStatus;
  /** For the API's admin routes. */
  readonly jobs: IndexJobs;
  readonly loader: Loader;
}

/** Touches nothing before it runs. The database stays the caller's. */
export function startIndexRole(options: IndexerOptions): IndexRole {
  const indexer = new Indexer(options);
  const jobs = new IndexJobs(indexer, options.now);
  return {
    jobs,
    loader: indexer.loader,
    status: () => indexer.status(),
    async run(signal) {
      try {
        await indexer.run(signal);
      } finally {
        jobs.stop();
      }
    },
  };
}
