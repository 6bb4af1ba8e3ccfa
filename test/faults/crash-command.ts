/**
 * Kills the service as often as told and says what became of it:
 *
 *     npm run crash -- [ROUNDS]      1,000 rounds when left out
 *
 * Exit code 1 where anything acknowledged was lost, or anything was doubled or set aside.
 */
import { tempDir } from '../support/temp-dir.ts';
import { crashLoop } from './crash-loop.ts';

const rounds = Number(process.argv[2] ?? 1_000);
await using dir = await tempDir('crash');
const startedMs = performance.now();
const report = await crashLoop({
  root: dir.path,
  rounds,
  onRound: (round) => {
    if ((round + 1) % 50 === 0) console.log(`${round + 1} of ${rounds} rounds`);
  },
});
const { lost, doubled, quarantined, kinds, ...figures } = report;
console.table(kinds);
const minutes = Math.round((performance.now() - startedMs) / 6_000) / 10;
console.log({
  ...figures,
  lost: lost.length,
  doubled: doubled.length,
  quarantined: quarantined.length,
  minutes,
});
if (lost.length + doubled.length + quarantined.length > 0) {
  console.error('lost:', lost.slice(0, 20), 'doubled:', doubled.slice(0, 20), 'quarantined:', quarantined);
  process.exitCode = 1;
}
