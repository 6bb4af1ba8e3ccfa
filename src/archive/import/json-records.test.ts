import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonRecords } from './json-records.ts';

async function cut(text: string | Buffer, chunkBytes = 7) {
  const bytes = Buffer.from(text);
  async function* chunks() {
    // A buffer that is used again, as a reader's may be.
    for (let at = 0; at < bytes.length; at += chunkBytes)
      yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
  return Array.fromAsync(jsonRecords(chunks(), 'items'));
}

it('cuts any object at any place into its members and the elements of one array', async () => {
  const object = fc.record({
    before: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
    items: fc.array(fc.jsonValue({ maxDepth: 3 })),
    after: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
  });
  await fc.assert(
    fc.asyncProperty(
      object,
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(0, 2),
      async (value, chunk, indent) => {
        const members = Object.entries({ a: 1, ...value.before }).filter(([name]) => name !== 'items');
        const entries: [string, unknown][] = [...members, ['items', value.items], ['z', value.after]];
        const text = `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${JSON.stringify(member, null, indent)}`).join(' , ')}}`;
        const pieces = await cut(text, chunk);
        const elements = pieces.flatMap((piece) =>
          'element' in piece ? [JSON.parse(piece.element.toString())] : [],
        );
        const found = pieces.flatMap((piece) =>
          'member' in piece && piece.value.length > 0
            ? [[piece.member, JSON.parse(piece.value.toString() || 'null')]]
            : [],
        );
        expect(elements).toEqual(JSON.parse(JSON.stringify(value.items)));
        expect(found.filter(([name]) => name !== 'items')).toEqual(
          JSON.parse(JSON.stringify([...members, ['z', value.after]])),
        );
      },
    ),
  );
});

it('never fails, whatever it is given', async () => {
  const text = fc.string({
    unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', 'items', '"items":[', 'a', '\n'),
  });
  await fc.assert(
    fc.asyncProperty(text, async (value) => void (await cut(value))),
    { numRuns: 500 },
  );
});

it('tells the line where an element begins, and that a file ends in the middle', async () => {
  const pieces = await cut('{"items": [\n{"a":1},\n\n{"b":\n2}, {"c"');
  expect(pieces.map((piece) => ('line' in piece ? piece.line : 0))).toEqual([1, 2, 5]);
  expect(pieces.at(-1)).toMatchObject({ damaged: 'the file ends in the middle', text: Buffer.from(' {"c"') });
});
