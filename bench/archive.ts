/**
 *     npm run bench:archive             everything
 *     npm run bench:archive -- pull     one of: pull search compact duckdb
 *
 * The commands over the archive, as they are shipped. Builds `dist/` first (npm does). Figures are of the machine they ran on;
 * compare only what ran side by side.
 */
import { runBenches } from './lib/run-benches.ts';

await runBenches({
  pull: async () => (await import('./archive/pull.ts')).pull,
  search: async () => (await import('./archive/search.ts')).search,
  compact: async () => (await import('./archive/compact.ts')).compact,
  duckdb: async () => (await import('./archive/duckdb.ts')).duckdb,
});
