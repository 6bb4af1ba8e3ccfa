import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ExternalSort, type SortedItem } from './external-sort.ts';

const item = fc.record({
  key: fc.string({ unit: fc.constantFrom('a', 'b', ' ', '0', '1'), maxLength: 8 }),
  text: fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll('\n', ' ')),
});

it('gives everything back in order, however little fits into memory', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(item, { maxLength: 300 }),
      fc.integer({ min: 1, max: 20_000 }),
      async (items, bytes) => {
        await using sort = new ExternalSort({ heldBytesMax: bytes, openRunsMax: 3 });
        for (const { key, text } of items) await sort.add(key, text);
        const sorted = await Array.fromAsync(sort.sorted());
        const expected = items.toSorted((a, b) => compare(a.key, b.key) || compare(a.text, b.text));
        expect(sorted).toEqual(expected satisfies SortedItem[]);
      },
    ),
    { numRuns: 60 },
  );
});

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
