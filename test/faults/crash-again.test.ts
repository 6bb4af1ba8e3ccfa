/** The second half of the crash rounds: a file of its own, so that two workers share them. */
import { expect, it } from 'vitest';
import { expectToSurvive } from './crash-expectations.ts';

it('loses and doubles nothing in another forty deaths and disk errors', { timeout: 900_000 }, async () => {
  expect.hasAssertions();
  await expectToSurvive(40, 40);
});
