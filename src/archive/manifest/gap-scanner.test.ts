import fc from 'fast-check';
import { expect, test } from 'vitest';
import { gapLine, linesOf, saidLines } from '../../../test/support/stored-lines.ts';
import { GapScanner } from './gap-scanner.ts';

const HOUR_MS = Date.UTC(2026, 10, 21, 13);

function gapsIn(lines: Buffer, cuts: readonly number[] = []): unknown[] {
  const scanner = new GapScanner();
  let start = 0;
  for (const cut of [
    ...cuts.map((cut) => cut % (lines.length + 1)).toSorted((a, b) => a - b),
    lines.length,
  ]) {
    const chunk = Buffer.from(lines.subarray(start, cut));
    scanner.update(chunk);
    // As a buffer that serves all chunks.
    chunk.fill(0);
    start = cut;
  }
  return scanner.finish();
}

const chat = saidLines(5, HOUR_MS);
const talksOfGaps = { ...chat[0]!, message: 'I said ,"type":"gap", and meant it' };
const lost = gapLine(HOUR_MS, HOUR_MS + 5_000, { gap: { backfill: 'partial', filled: 3, dropped: 2 } });
const lines = linesOf([chat[1]!, lost, talksOfGaps, chat[2]!, gapLine(HOUR_MS + 9_000, HOUR_MS + 12_000)]);

test('finds each gap line and nothing else, wherever the chunks are cut', () => {
  const expected = [
    {
      channel: 'xqc',
      timestamp: '2026-11-21T13:00:00.000Z',
      until: '2026-11-21T13:00:05.000Z',
      reason: 'the connection was lost',
      ...{ backfill: 'partial', filled: 3, dropped: 2 },
    },
    expect.objectContaining({ timestamp: '2026-11-21T13:00:09.000Z', filled: 0 }),
  ];
  fc.assert(
    fc.property(fc.array(fc.nat()), (cuts) => {
      expect(gapsIn(lines, cuts)).toEqual(expected);
    }),
  );
});

test('also without a line end after the last one, and after a line that is too long to be one', () => {
  const long = Buffer.from(`{"message":"${'x'.repeat(3_000_000)}"}\n`);
  expect(gapsIn(Buffer.concat([long, lines.subarray(0, -1)]), [1_500_000, 2_900_000])).toHaveLength(2);
});

test('passes over what only looks like one', () => {
  const odd = ['{"type":"gap"}', '{"type":"gap","gap":7}', '"type":"gap"', '{"x":{"type":"gap"}}'];
  expect(gapsIn(Buffer.from(odd.join('\n')))).toEqual([]);
});
