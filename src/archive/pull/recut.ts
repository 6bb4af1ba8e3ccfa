import {
  type BatchPart,
  joinParts,
  type LineBatch,
  ownBatch,
  releaseBatch,
  sliceBatch,
} from '../scan/line-batch.ts';

/** A stretch of the lines that ends where a time ends: no line of the next one has the time of its last line. */
export interface Piece {
  parts: BatchPart[];
  /** When the next piece begins, ms since the epoch: whoever goes on later begins there. Undefined for the last one. */
  nextMs: number | undefined;
}

/**
 * The lines in pieces of `pieceBytes`, and up to the next change of time: where they are cut follows from the lines alone,
 * and is the same from the beginning and from the end of any piece.
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
        if (at > from) parts.push({ batch, from, to: at });
        yield { parts, nextMs: times[at]! };
        parts = [];
        from = at;
        bytes = 0;
      }
      bytes += offsets[at + 1]! - offsets[at]!;
      lastMs = times[at]!;
    }
    if (times.length > from) parts.push({ batch, from, to: times.length });
  }
  if (parts.length > 0) yield { parts, nextMs: undefined };
}

/** As one batch, of which nothing else is a part. The batches that are in the piece as a whole are used up. */
export function pieceBatch({ parts }: Piece): LineBatch {
  const joined = joinParts(parts);
  if (parts.length < 2) return ownBatch(joined);
  for (const { batch, from, to } of parts) if (from === 0 && to === batch.times.length) releaseBatch(batch);
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
