/**
 *     npm run bench                 everything
 *     npm run bench -- throughput   one of: throughput stages memory compression
 *
 * Builds `dist/` first (npm does). Figures are of the machine they ran on; compare only what ran side by side.
 */
import { printMachine } from './lib/report.ts';

const BENCHES: Record<string, () => Promise<() => Promise<void>>> = {
  throughput: async () => (await import('./throughput.ts')).throughput,
  stages: async () => (await import('./stages.ts')).stages,
  memory: async () => (await import('./memory.ts')).memory,
  compression: async () => (await import('./compression.ts')).compression,
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`unknown benchmark: ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
printMachine();
for (const name of wanted.length > 0 ? wanted : Object.keys(BENCHES)) await (await BENCHES[name]!())();
