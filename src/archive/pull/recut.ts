import { type BatchPart, joinParts, type LineBatch, releaseBatch, sliceBatch } from '../scan/line-batch.ts';

/** A part of the lines that ends where a time ends: no line of the next one has the time of its last line. */
export interface Piece {
  batch: LineBatch;
  /** When the next piece begins, ms since the epoch: whoever goes on later begins there. Undefined for the last one. */
  nextMs: number | undefined;
}

/**
 * The lines in pieces of `pieceBytes`, and up to the next change of time: where they are cut follows from the lines alone,
 * and is the same from the beginning and from the end of any piece. The batches are used up.
 */
export async function* recut(batches: AsyncIterable<LineBatch>, pieceBytes: number): AsyncGenerator<Piece> {
  let parts: BatchPart[] = [];
  let bytes = 0;
  let lastMs = Number.NaN;
  for await (const batch of batches) {
    const { offsets, times } = batch;
    let from = 0;
    for (let at = 0; at < times.length; at++) {
      if (bytes >= pieceBytes && times[at] !== lastMs) {
        parts.push({ batch, from, to: at });
        yield { batch: joinUp(parts), nextMs: times[at]! };
        parts = [];
        from = at;
        bytes = 0;
      }
      bytes += offsets[at + 1]! - offsets[at]!;
      lastMs = times[at]!;
    }
    parts.push({ batch, from, to: times.length });
  }
  const rest = joinUp(parts);
  if (rest.times.length > 0) yield { batch: rest, nextMs: undefined };
}

function joinUp(parts: readonly BatchPart[]): LineBatch {
  const filled = parts.filter(({ from, to }) => to > from);
  const joined = joinParts(filled);
  if (filled.length < 2) return joined;
  // Of others an earlier or later piece may be a part.
  for (const { batch, from, to } of filled) if (from === 0 && to === batch.times.length) releaseBatch(batch);
  return joined;
}

/** The lines of this time or later. */
export async function* linesFrom(
  batches: AsyncIterable<LineBatch>,
  fromMs: number,
): AsyncGenerator<LineBatch> {
  for await (const batch of batches) {
    const at = batch.times.findIndex((time) => time >= fromMs);
    if (at >= 0) yield sliceBatch(batch, at, batch.times.length);
  }
}
