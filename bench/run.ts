/**
 *     npm run bench                 everything
 *     npm run bench -- throughput   one of: throughput stages memory compression
 *
 * Builds `dist/` first (npm does). Figures are of the machine they ran on; compare only what ran side by side.
 */
import { runBenches } from './lib/run-benches.ts';

await runBenches({
  throughput: async () => (await import('./throughput.ts')).throughput,
  stages: async () => (await import('./stages.ts')).stages,
  memory: async () => (await import('./memory.ts')).memory,
  compression: async () => (await import('./compression.ts')).compression,
});
