import { expect, it } from 'vitest';
import { indexLines, seededRandom } from '../../../test/support/index-lines.ts';
import { lineBatch, linesOf } from '../../../test/support/line-batch.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import { joinParts, sliceBatch } from '../scan/line-batch.ts';
import { linesFrom, type Piece, pieceBatch, recut } from './recut.ts';

/** Sorted lines of which many have one time, in batches of their own that are cut anywhere. */
async function* batches(seed: number, fromMs = 0): AsyncGenerator<LineBatch> {
  const random = seededRandom(seed);
  const whole = sorted();
  for (let from = 0; from < whole.times.length; ) {
    const to = Math.min(whole.times.length, from + 1 + random(40));
    const batch = sliceBatch(whole, from, to);
    const own = { bytes: batch.bytes.slice(), offsets: batch.offsets.slice(), times: batch.times.slice() };
    yield* linesFrom(
      (async function* () {
        yield own;
      })(),
      fromMs,
    );
    from = to;
  }
}

function sorted(): LineBatch {
  const lines = indexLines({ seed: 1, lines: 600 });
  const batch = lineBatch(lines);
  const times = batch.times.map((_, index) => Math.floor(index / 3) * 7);
  return { ...batch, times };
}

const linesOfPiece = (piece: Piece) => linesOf(pieceBatch(piece));

it('cuts where the lines alone say, and only between times', async () => {
  const pieces = await Array.fromAsync(recut(batches(1), 3_000), (piece) => {
    const batch = joinParts(piece.parts);
    return { lines: linesOf(batch), nextMs: piece.nextMs, lastMs: batch.times.at(-1)! };
  });
  expect(pieces.length).toBeGreaterThan(20);
  expect(pieces.flatMap(({ lines }) => lines)).toEqual(linesOf(sorted()));
  for (const { nextMs, lastMs } of pieces.slice(0, -1)) expect(nextMs).toBeGreaterThan(lastMs);
  expect(pieces.at(-1)!.nextMs).toBeUndefined();
  const others = await Array.fromAsync(recut(batches(2), 3_000), linesOfPiece);
  expect(others).toEqual(pieces.map(({ lines }) => lines));
  const { nextMs } = pieces[7]!;
  const rest = await Array.fromAsync(recut(batches(3, nextMs), 3_000), linesOfPiece);
  expect(rest).toEqual(pieces.slice(8).map(({ lines }) => lines));
});
