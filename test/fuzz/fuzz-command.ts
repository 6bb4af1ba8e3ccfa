/**
 * Makes up bad input for as long as you like:
 *
 *     npm run fuzz -- [RUNS] [SEED]      RUNS cases of Twitch's bytes (a case is about 20 lines), 100,000 when left out
 *
 * The other kinds of input get as many as they take in proportion. Exit code 1 with fast-check's report, which names
 * the seed and the smallest input that breaks something.
 */
import { PROPERTIES } from './properties.ts';

const runs = Number(process.argv[2] ?? 100_000);
const seed = process.argv[3] === undefined ? undefined : Number(process.argv[3]);
const scale = runs / PROPERTIES[0]!.suiteRuns;
for (const { name, suiteRuns, check } of PROPERTIES) {
  const startedMs = performance.now();
  const what = await check({
    numRuns: Math.ceil(suiteRuns * scale),
    ...(seed === undefined ? {} : { seed }),
  });
  console.log(`ok  ${name}: ${what} in ${Math.round((performance.now() - startedMs) / 1000)} s`);
}
