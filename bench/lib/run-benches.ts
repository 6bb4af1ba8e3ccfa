import { printMachine } from './report.ts';

/** Runs those that the command line names, or all; each is loaded when it is its turn. */
export async function runBenches(benches: Record<string, () => Promise<() => Promise<void>>>): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !(name in benches));
  if (unknown.length > 0) {
    console.error(`unknown benchmark: ${unknown.join(', ')}; there are ${Object.keys(benches).join(', ')}`);
    process.exit(2);
  }
  printMachine();
  for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) await (await benches[name]!())();
}
