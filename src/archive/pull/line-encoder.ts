/**
 * Lines to the bytes of one file: a format, then compression. What a format makes of a piece of lines on its own is made in
 * threads, several pieces at a time; compression is by piece (zstd frames, gzip members), so that a file that was broken off
 * goes on behind any of them.
 */
import type { FormatOptions, FormatWriter } from '../formats/format.ts';
import { FORMATS, type FormatName } from '../formats/formats.ts';
import { batchBuffers, EMPTY_BATCH, joinParts } from '../scan/line-batch.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';
import { type Piece, pieceBatch } from './recut.ts';

export type FileCompression = 'none' | 'gzip' | 'zstd';

export interface Encoding {
  format: FormatName;
  compress: FileCompression;
  options: FormatOptions;
}

export interface Encoded {
  bytes: Uint8Array;
  lines: number;
  /** As of {@link Piece}: a file that ends here goes on there. Undefined where it cannot, or is complete. */
  nextMs: number | undefined;
}

/** @param isContinued the file has its beginning already */
export async function* encodeLines(
  pieces: AsyncIterable<Piece>,
  encoding: Encoding,
  pool: WorkerPool,
  isContinued = false,
): AsyncGenerator<Encoded> {
  const format = await FORMATS[encoding.format]();
  if (format.kind === 'stateful') {
    yield* written(pieces, format.open(encoding.options), encoding, pool);
    return;
  }
  const { options } = encoding;
  const header = isContinued ? new Uint8Array(0) : format.header(options);
  if (header.length > 0) yield { bytes: await compressed(header, encoding, pool), ...NO_LINES };
  if (encoding.format === 'jsonl' && encoding.compress === 'none') yield* asRecorded(pieces);
  else yield* inOrder(pieces, (piece) => converted(piece, encoding, pool), pool.size + 1);
  const footer = format.footer(options);
  if (footer.length > 0) yield { bytes: await compressed(footer, encoding, pool), ...NO_LINES };
}

const NO_LINES = { lines: 0, nextMs: undefined };

async function* asRecorded(pieces: AsyncIterable<Piece>): AsyncGenerator<Encoded> {
  for await (const { parts, nextMs } of pieces) {
    for (const part of parts) {
      const { bytes, times } = joinParts([part]);
      yield { bytes, lines: times.length, nextMs: part === parts.at(-1) ? nextMs : undefined };
    }
  }
}

async function converted(piece: Piece, encoding: Encoding, pool: WorkerPool): Promise<Encoded> {
  const batch = pieceBatch(piece);
  const lines = batch.times.length;
  const bytes = await pool.run('encode', { ...encoding, batch }, batchBuffers(batch));
  return { bytes, lines, nextMs: piece.nextMs };
}

async function compressed(bytes: Uint8Array, encoding: Encoding, pool: WorkerPool): Promise<Uint8Array> {
  if (encoding.compress === 'none') return bytes;
  const batch = { ...EMPTY_BATCH, bytes: new Uint8Array(bytes) };
  return pool.run('encode', { ...encoding, format: 'jsonl', batch });
}

async function* written(
  pieces: AsyncIterable<Piece>,
  writer: FormatWriter,
  encoding: Encoding,
  pool: WorkerPool,
): AsyncGenerator<Encoded> {
  for await (const piece of pieces) {
    const batch = joinParts(piece.parts);
    const bytes = await writer.write(batch);
    const lines = batch.times.length;
    yield {
      bytes: bytes.length === 0 ? bytes : await compressed(bytes, encoding, pool),
      lines,
      nextMs: undefined,
    };
  }
  yield { bytes: await compressed(await writer.end(), encoding, pool), ...NO_LINES };
}

/** `work` on some items at a time; what comes of it in the order of the items, as soon as it is there. */
async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  work: (item: T) => Promise<R>,
  atOnce: number,
): AsyncGenerator<R> {
  const iterator = items[Symbol.asyncIterator]();
  const underWay: Promise<R>[] = [];
  const ask = () => {
    const asked = iterator.next();
    asked.catch(() => {});
    return asked;
  };
  let coming: Promise<IteratorResult<T>> | undefined = ask();
  try {
    for (let [oldest] = underWay; coming || oldest; [oldest] = underWay) {
      const isFull = !coming || underWay.length >= atOnce;
      const isFirst = (promise: Promise<unknown>, answer: boolean) => promise.then(() => answer);
      const isDone =
        oldest && (isFull || (await Promise.race([isFirst(oldest, true), isFirst(coming!, false)])));
      if (isDone) {
        yield await oldest!;
        underWay.shift();
        continue;
      }
      const item: IteratorResult<T> = await coming!;
      coming = item.done ? undefined : ask();
      if (item.done) continue;
      const worked = work(item.value);
      worked.catch(() => {});
      underWay.push(worked);
    }
  } finally {
    await iterator.return?.();
  }
}
