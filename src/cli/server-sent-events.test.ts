import fc from 'fast-check';
import { expect, test } from 'vitest';
import { serverSentEvents } from './server-sent-events.ts';

async function read(...chunks: Uint8Array[]) {
  return Array.fromAsync(
    serverSentEvents(
      (async function* () {
        yield* chunks;
      })(),
    ),
  );
}

const TEXT =
  'retry: 2000\n\n: comment\n\nid: 1\ndata: one\n\nevent: dropped\ndata: {"lines":2}\n\nid:2\r\ndata:two\r\ndata: more\r\n\r\nid: 3\n\ndata: \u{1F44B} a: b\n\ndata: cut off\n';

test('events are what stands between empty lines, however they are cut on their way', async () => {
  const expected = [
    { id: '1', name: 'message', data: 'one' },
    { id: '1', name: 'dropped', data: '{"lines":2}' },
    { id: '2', name: 'message', data: 'two\nmore' },
    { id: '3', name: 'message', data: '\u{1F44B} a: b' },
  ];
  expect(await read(Buffer.from(TEXT))).toEqual(expected);
  const bytes = Buffer.from(TEXT);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
      expect(await read(...chunks)).toEqual(expected);
    }),
  );
});
