/** Lines to one compressed file. */
import { open } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { constants, createZstdCompress } from 'node:zlib';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import type { SegmentDescription } from '../../storage/object-store.ts';
import { describeSegment, type SegmentOrigin } from '../../uploading/describe-segment.ts';
import { pump } from '../../uploading/file-chunks.ts';
import type { LineBatch } from '../scan/line-batch.ts';

/** As measured by `npm run bench:archive -- compact` (docs/decisions). */
export const DAY_LEVEL = 19;
/** 8 MiB: what every reader of zstd takes without being asked to, and a small machine has. */
const WINDOW_LOG = 23;
/** Of the tables: a quarter of what the level would take, for the same size within a percent. */
const CHAIN_LOG = 22;
const HASH_LOG = 20;

/** @param level 1 to 22 */
export function createDayCompressor(level: number = DAY_LEVEL): Transform {
  return createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      [constants.ZSTD_c_windowLog]: WINDOW_LOG,
      [constants.ZSTD_c_checksumFlag]: 1,
      ...(level > 15 && { [constants.ZSTD_c_chainLog]: CHAIN_LOG, [constants.ZSTD_c_hashLog]: HASH_LOG }),
    },
  });
}

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
