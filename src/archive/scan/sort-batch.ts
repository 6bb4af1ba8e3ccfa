import { type BatchPart, joinParts, type LineBatch } from './line-batch.ts';

/** Of a place in a batch; the rest of the 53 bits is the time within the segment. */
const PLACES = 2 ** 26;
/** Times further apart cannot be packed together with a place. */
const SPAN_MAX_MS = 2 ** 27;

/**
 * The lines in order of their times, those of one time in the order in which they were. Times and places are packed into
 * numbers, which are sorted as such: no comparison is a call.
 */
export function sortBatch(batch: LineBatch): LineBatch {
  const { times } = batch;
  if (isSorted(times)) return batch;
  const fromMs = times.reduce((least, time) => Math.min(least, time));
  const toMs = times.reduce((most, time) => Math.max(most, time));
  if (times.length > PLACES || toMs - fromMs >= SPAN_MAX_MS)
    return joinParts(partsOf(batch, comparedOrder(times)));
  const packed = times.map((time, place) => (time - fromMs) * PLACES + place).sort();
  return joinParts(
    partsOf(
      batch,
      packed.map((number) => number % PLACES),
    ),
  );
}

function isSorted(times: Float64Array): boolean {
  for (let index = 1; index < times.length; index++) if (times[index]! < times[index - 1]!) return false;
  return true;
}

function comparedOrder(times: Float64Array): Float64Array {
  return Float64Array.from(times.keys()).sort((a, b) => times[a]! - times[b]! || a - b);
}

/** Neighbours that stay neighbours are copied together. */
function partsOf(batch: LineBatch, order: Float64Array): BatchPart[] {
  const parts: BatchPart[] = [];
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && order[to] === order[to - 1]! + 1) to++;
    parts.push({ batch, from: order[from]!, to: order[to - 1]! + 1 });
    from = to;
  }
  return parts;
}

/** For lines that should be sorted already: a line that goes back in time gets the time of the one before it. */
export function risingTimes(times: Float64Array, fromMs: number): number {
  let beforeMs = fromMs;
  for (let index = 0; index < times.length; index++) {
    if (times[index]! < beforeMs) times[index] = beforeMs;
    else beforeMs = times[index]!;
  }
  return beforeMs;
}
