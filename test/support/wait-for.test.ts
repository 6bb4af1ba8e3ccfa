import { expect, test } from 'vitest';
import { waitFor } from './wait-for.ts';

test('waitFor resolves with what the probe found', async () => {
  let looks = 0;
  const found = await waitFor('three looks', () => (++looks >= 3 ? { looks } : undefined), { intervalMs: 1 });
  expect(found.looks).toBe(3);
});

test('waitFor takes an error for "not yet"', async () => {
  let looks = 0;
  const probe = () => {
    if (++looks < 3) throw new Error('not there');
    return 'there';
  };
  expect(await waitFor('it', probe, { intervalMs: 1 })).toBe('there');
});

test('waitFor says at the deadline what it waited for, what it saw and what else is known', async () => {
  const waiting = waitFor('a pig to fly', () => 0, {
    timeoutMs: 30,
    intervalMs: 1,
    context: () => 'pig: Bess',
  });
  await expect(waiting).rejects.toThrow(/in vain for: a pig to fly\nlast seen: 0\npig: Bess/);
  const failing = waitFor('a file', () => Promise.reject(new Error('ENOENT')), { timeoutMs: 30 });
  await expect(failing).rejects.toThrow(/last error: .*ENOENT/);
});

test('waitFor gives up as soon as there is no hope, but only after another look', async () => {
  const options = { hopeless: () => 'The process ended' };
  await expect(waitFor('a pig to fly', () => false, options)).rejects.toThrow(
    /^The process ended, waited in vain/,
  );
  expect(await waitFor('what is there', () => 'there', options)).toBe('there');
});
