/**
 * Many lines at once, the way they go between threads and through merging: one buffer of bytes with the places of the
 * lines in it, and their times. Nothing is allocated for a single line.
 */
export interface LineBatch {
  /** Every line with its `\n`; lines follow each other without anything between them. */
  bytes: Uint8Array<ArrayBuffer>;
  /** One more than there are lines: line `i` is `bytes[offsets[i] .. offsets[i + 1])`, its `\n` included. */
  offsets: Uint32Array<ArrayBuffer>;
  /**
   * Of each line: what it is ordered by, ms since the epoch. Its `timestamp`; the time of the line before it where it has
   * none, or one outside of its segment.
   */
  times: Float64Array<ArrayBuffer>;
}

export const EMPTY_BATCH: LineBatch = {
  bytes: new Uint8Array(0),
  offsets: new Uint32Array(1),
  times: new Float64Array(0),
};

/** @param line without its `\n` */
export function oneLine(line: Uint8Array, timeMs: number): LineBatch {
  const bytes = new Uint8Array(line.length + 1);
  bytes.set(line);
  bytes[line.length] = 0x0a;
  return { bytes, offsets: Uint32Array.of(0, bytes.length), times: Float64Array.of(timeMs) };
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
export function sliceBatch(batch: LineBatch, from: number, to: number): LineBatch {
  const { bytes, offsets, times } = batch;
  if (from === 0 && to === times.length) return batch;
  const start = offsets[from]!;
  return {
    bytes: bytes.subarray(start, offsets[to]!),
    offsets: offsets.slice(from, to + 1).map((offset) => offset - start),
    times: times.subarray(from, to),
  };
}

/** The batch in parts of about so many bytes, that share its memory. */
export function* splitBatch(batch: LineBatch, partBytes: number): Generator<LineBatch> {
  const { offsets, times } = batch;
  for (let from = 0; from < times.length; ) {
    let to = from + 1;
    while (to < times.length && offsets[to + 1]! - offsets[from]! <= partBytes) to++;
    yield sliceBatch(batch, from, to);
    from = to;
  }
}

/** The batch without anything else in its memory, so that it can be given away. */
export function ownBatch({ bytes, offsets, times }: LineBatch): LineBatch {
  return {
    // Not `slice`: that of a Buffer copies nothing.
    bytes: bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes),
    offsets: offsets.byteLength === offsets.buffer.byteLength ? offsets : offsets.slice(),
    times: times.byteLength === times.buffer.byteLength ? times : times.slice(),
  };
}

/** A part of a batch: lines `from` up to `to`. */
export interface BatchPart {
  batch: LineBatch;
  from: number;
  to: number;
}

/** The parts one after another: copied, but where it is a single one. */
export function joinParts(parts: readonly BatchPart[]): LineBatch {
  // One of its own: it may be given away.
  if (parts.length === 0)
    return { bytes: new Uint8Array(0), offsets: new Uint32Array(1), times: new Float64Array(0) };
  if (parts.length === 1) return sliceBatch(parts[0]!.batch, parts[0]!.from, parts[0]!.to);
  let length = 0;
  let lines = 0;
  for (const { batch, from, to } of parts) {
    length += batch.offsets[to]! - batch.offsets[from]!;
    lines += to - from;
  }
  const bytes = Buffer.allocUnsafeSlow(length) as Buffer<ArrayBuffer>;
  const offsets = new Uint32Array(lines + 1);
  const times = new Float64Array(lines);
  let at = 0;
  let line = 0;
  for (const { batch, from, to } of parts) {
    const start = batch.offsets[from]!;
    copyBytes(batch.bytes, bytes, at, start, batch.offsets[to]!);
    for (let index = from; index < to; index++) {
      offsets[line] = at + batch.offsets[index]! - start;
      times[line++] = batch.times[index]!;
    }
    at += batch.offsets[to]! - start;
  }
  offsets[lines] = length;
  return { bytes, offsets, times };
}

function copyBytes(from: Uint8Array, to: Buffer, at: number, start: number, end: number): void {
  Buffer.prototype.copy.call(from, to, at, start, end);
}

/**
 * Gives the memory of many bytes back now, and not when the collector comes by: nothing may look at them any more. What shares
 * its memory with something else stays.
 */
export function releaseBytes({ buffer, byteLength }: Uint8Array): void {
  const isWhole = byteLength > RELEASED_BYTES_MIN && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

export function releaseBatch({ bytes }: LineBatch): void {
  releaseBytes(bytes);
}

/** Smaller ones may lie in the pool of small Buffers. */
const RELEASED_BYTES_MIN = 64 * 1024;

/** What has to be named to give a batch away to another thread. It must not share its memory with another one. */
export function batchBuffers({ bytes, offsets, times }: LineBatch): ArrayBuffer[] {
  return [...new Set([bytes.buffer, offsets.buffer, times.buffer])];
}
