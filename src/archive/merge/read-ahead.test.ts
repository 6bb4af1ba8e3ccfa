import { expect, it } from 'vitest';
import type { PlannedSource } from './line-source.ts';
import { readAhead } from './read-ahead.ts';

function sources(begun: number[], closed: number[]): PlannedSource[] {
  return Array.from({ length: 20 }, (_, index) => ({
    ...{ platform: 'twitch', isMerged: true, fromMs: index, heldBytes: 10 },
    open: () => {
      begun.push(index);
      return { next: async () => undefined, close: () => void closed.push(index) };
    },
  }));
}

it('begins sources in their order, also one that was asked for before it is needed, as many as fit', async () => {
  const [begun, closed]: [number[], number[]] = [[], []];
  const ahead = readAhead(sources(begun, closed), 50);
  // As merging does: the next one is asked for when one is opened, and opened when the order comes to it.
  let next = await ahead.next();
  for (let count = 0; !next.done; count++) {
    const source = next.value.open();
    next = await ahead.next();
    await new Promise(setImmediate);
    expect(begun).toEqual(Array.from({ length: Math.min(20, count + 5) }, (_, index) => index));
    source.close();
  }
  expect(closed).toEqual(begun);
});

it('closes what it began when nobody wants more', async () => {
  const [begun, closed]: [number[], number[]] = [[], []];
  const ahead = readAhead(sources(begun, closed), 50);
  await ahead.next();
  await new Promise(setImmediate);
  await ahead.return(undefined);
  expect(begun.length).toBeGreaterThan(0);
  expect(closed).toEqual(begun);
});
