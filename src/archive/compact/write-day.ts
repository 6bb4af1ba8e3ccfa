/** Lines to one compressed file. */
import { open } from 'node:fs/promises';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import type { SegmentDescription } from '../../storage/object-store.ts';
import { describeSegment, type SegmentOrigin } from '../../uploading/describe-segment.ts';
import { pump } from '../../uploading/file-chunks.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import { createDayCompressor } from './day-compressor.ts';

/** A new file, synced, read back and described. Throws what the disk or the lines' source says. */
export async function writeDay(
  lines: AsyncIterable<LineBatch>,
  path: string,
  { level, origin }: { level: number | undefined; origin: SegmentOrigin },
  signal: AbortSignal,
): Promise<SegmentDescription> {
  const bytes = async function* (): AsyncGenerator<Buffer> {
    for await (const batch of lines) {
      signal.throwIfAborted();
      yield Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
    }
  };
  const file = await open(path, 'wx');
  try {
    await pump(bytes(), createDayCompressor(level), (piece) => file.writeFile(piece));
    await file.sync();
  } finally {
    await file.close();
  }
  return describeSegment(path, 'zstd', origin, signal);
}

/** Of what was made of several segments: the instance is named where they are all of one. */
export function commonOrigin(
  parts: readonly { description: SegmentDescription | undefined }[],
): SegmentOrigin {
  const described = parts.flatMap(({ description }) => description ?? []);
  const [instance = '', ...others] = new Set(described.map((one) => one.instance));
  return {
    instance: others.length === 0 && described.length === parts.length ? instance : '',
    formatVersion: Math.max(RECORD_FORMAT_VERSION, ...described.map(({ formatVersion }) => formatVersion)),
  };
}
