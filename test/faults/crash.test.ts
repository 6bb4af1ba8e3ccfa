import { expect, it } from 'vitest';
import { expectToSurvive } from './crash-expectations.ts';

it('loses and doubles nothing in forty deaths and disk errors', { timeout: 900_000 }, async () => {
  expect.hasAssertions();
  await expectToSurvive(0, 25);
});
