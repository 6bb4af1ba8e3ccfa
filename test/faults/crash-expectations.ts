import { expect } from 'vitest';
import { tempDir } from '../support/temp-dir.ts';
import { crashLoop } from './crash-loop.ts';
import { KILLS } from './crash-plan.ts';

/** Runs so many rounds of the crash loop and expects that nothing acknowledged was lost, doubled or set aside. */
export async function expectToSurvive(firstRound: number, rounds: number): Promise<void> {
  await using dir = await tempDir('crash');
  const report = await crashLoop({ root: dir.path, firstRound, rounds });
  const { lost, doubled, quarantined, kinds } = report;
  expect({ lost, doubled, quarantined }).toEqual({ lost: [], doubled: [], quarantined: [] });
  expect(report.acknowledged).toBeGreaterThan(rounds * 10);
  // The injections must have come, or this would prove nothing.
  const neverKilledAt = Object.keys(KILLS).filter((syscall) => !kinds[syscall]?.happened);
  expect(neverKilledAt).toEqual([]);
  const happened = Object.values(kinds).reduce((sum, kind) => sum + kind.happened, 0);
  expect(happened / rounds).toBeGreaterThan(0.8);
}
