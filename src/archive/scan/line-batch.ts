/**
 * Many lines at once, the way they go between threads and through merging: one buffer of bytes with the places of the
 * lines in it, and what orders them. Nothing is allocated for a single line.
 */
export interface LineBatch {
  /** Every line with its `\n`; lines follow each other without anything between them. */
  bytes: Uint8Array<ArrayBuffer>;
  /** One more than there are lines: line `i` is `bytes[offsets[i] .. offsets[i + 1])`, its `\n` included. */
  offsets: Uint32Array<ArrayBuffer>;
  /** Of each line: its own time (`timestamp`), ms since the epoch; what it is ordered by. */
  times: Float64Array<ArrayBuffer>;
  /** Of each line: when it was received, ms since the epoch; its own time where it does not say. */
  received: Float64Array<ArrayBuffer>;
}

export function batchLength({ times }: LineBatch): number {
  return times.length;
}

/** Without its `\n`; shares the batch's memory. */
export function lineAt({ bytes, offsets }: LineBatch, index: number): Buffer {
  return Buffer.from(
    bytes.buffer,
    bytes.byteOffset + offsets[index]!,
    offsets[index + 1]! - 1 - offsets[index]!,
  );
}

/** Lines `from` up to `to`; shares the batch's memory. */
export function sliceBatch(
  { bytes, offsets, times, received }: LineBatch,
  from: number,
  to: number,
): LineBatch {
  const start = offsets[from]!;
  return {
    bytes: bytes.subarray(start, offsets[to]!),
    offsets: offsets.slice(from, to + 1).map((offset) => offset - start),
    times: times.subarray(from, to),
    received: received.subarray(from, to),
  };
}

/** What has to be named to give a batch away to another thread. */
export function batchBuffers({ bytes, offsets, times, received }: LineBatch): ArrayBuffer[] {
  return [...new Set([bytes.buffer, offsets.buffer, times.buffer, received.buffer])];
}
