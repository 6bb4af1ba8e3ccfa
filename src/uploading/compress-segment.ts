/**
 * Compresses one sealed segment: sealed/X.jsonl becomes sealed/X.jsonl.zst (or .gz).
 *
 *     tmp/X.jsonl.zst written, synced, read back and compared → renamed into sealed/ → sealed/ synced → plain removed
 *
 * A crash at any step leaves a whole copy: the plain one until the compressed one is durable and known to be good. Where
 * both are found at the next start, {@link compressSegment} decides which stays. Memory is flat: about 10 MB with zstd.
 */
import { randomBytes } from 'node:crypto';
import { open, rename, stat, unlink } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { ChatlogError } from '../lib/errors.ts';
import { ifMissing, isMissing } from '../lib/system-error.ts';
import { parseSegmentFile, type SegmentName, segmentFile } from '../segment-name.ts';
import { type Spool, syncDirectory } from '../spool.ts';
import type { SegmentDescription } from '../storage/object-store.ts';
import { describeSegment, type SegmentOrigin } from './describe-segment.ts';
import { fileChunks, pump } from './file-chunks.ts';
import { LinesTally } from './lines-tally.ts';

export interface CompressOptions {
  compression: 'gzip' | 'zstd';
  /** gzip 1 to 9, zstd 1 to 19; the measured best compromise when left out. */
  level?: number;
  origin: SegmentOrigin;
  onProgress?: () => void;
}

export interface CompressedSegment {
  /** Name in sealed/. */
  file: string;
  description: SegmentDescription;
}

const GZIP_LEVEL = 6;
/**
 * Level 12 with tables of a quarter of a million entries: 49 to 52 bytes a message on real chat at 27 MB/s and 5 MB of
 * memory; level 9 needs 15 MB for the same size, level 16 is five times slower for 4 % less.
 */
const ZSTD_LEVEL = 12;
const ZSTD_WINDOW_LOG = 20;
const ZSTD_TABLE_LOG = 18;

/**
 * @param file name of a plain segment in sealed/
 * Throws `segment_missing` where it is gone, the system's error where the disk refuses (ENOSPC: the plain file is
 * untouched), `compression_failed` where the result does not decompress to the same. Abort leaves the plain file.
 */
export async function compressSegment(
  spool: Spool,
  file: string,
  options: CompressOptions,
  signal: AbortSignal,
): Promise<CompressedSegment> {
  const name = parseSegmentFile(file);
  if (name?.compression !== 'none') throw new TypeError(`${file} is not the name of a plain segment`);
  const earlier = await resolveEarlier(spool, name, file, options, signal);
  if (earlier) return earlier;
  const compressed = segmentFile(name, options.compression);
  // A name of its own: an attempt that was broken off may still be clearing up after itself.
  const temporary = spool.path('tmp', `${randomBytes(4).toString('hex')}-${compressed}`);
  try {
    const description = await writeCompressed(spool.path('sealed', file), temporary, options, signal);
    await rename(temporary, spool.path('sealed', compressed));
    await syncDirectory(spool.path('sealed'));
    await removePlain(spool, file);
    return { file: compressed, description };
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
}

/** Writes, syncs and verifies the compressed copy of a plain segment file. */
export async function writeCompressed(
  from: string,
  to: string,
  options: CompressOptions,
  signal: AbortSignal,
): Promise<SegmentDescription> {
  const { compression, level, origin, onProgress = () => {} } = options;
  const stats = await stat(from).catch(missing(from));
  const tally = new LinesTally();
  const source = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of fileChunks(from, signal)) {
      tally.update(chunk);
      onProgress();
      yield chunk;
    }
  };
  const target = await open(to, 'w');
  try {
    await pump(source(), createCompressor(compression, level, stats.size), (bytes) =>
      target.writeFile(bytes),
    );
    // The age of a waiting segment is told by its file's time.
    await target.utimes(stats.atime, stats.mtime);
    await target.sync();
  } finally {
    await target.close();
  }
  const before = tally.finish();
  const after = await describeSegment(to, compression, origin, signal, onProgress);
  if (after.linesSha256 !== before.linesSha256) {
    throw new ChatlogError('compression_failed', `${from} does not come back from its compression`, {
      retryable: true,
      hint: 'check the memory and the disk of this machine',
    });
  }
  return after;
}

/** @param plainBytes what will be written to it, where that is known */
export function createCompressor(
  compression: 'gzip' | 'zstd',
  level?: number,
  plainBytes?: number,
): Transform {
  if (compression === 'gzip') return createGzip({ level: Math.min(level ?? GZIP_LEVEL, 9) });
  const tables = level === undefined || level <= ZSTD_LEVEL;
  return createZstdCompress({
    ...(plainBytes !== undefined && { pledgedSrcSize: plainBytes }),
    params: {
      [constants.ZSTD_c_compressionLevel]: level ?? ZSTD_LEVEL,
      [constants.ZSTD_c_windowLog]: ZSTD_WINDOW_LOG,
      [constants.ZSTD_c_checksumFlag]: 1,
      ...(tables
        ? { [constants.ZSTD_c_hashLog]: ZSTD_TABLE_LOG, [constants.ZSTD_c_chainLog]: ZSTD_TABLE_LOG }
        : {}),
    },
  });
}

/**
 * A crash between the rename and the removal leaves both copies. The compressed one stays where it holds the plain one's
 * lines, and goes where it is damaged. Where it holds other lines, both are segments of their own: the plain one gets a
 * name of its own.
 */
async function resolveEarlier(
  spool: Spool,
  name: SegmentName,
  file: string,
  { origin, onProgress }: CompressOptions,
  signal: AbortSignal,
): Promise<CompressedSegment | undefined> {
  for (const compression of ['zstd', 'gzip'] as const) {
    const compressed = segmentFile(name, compression);
    const path = spool.path('sealed', compressed);
    if (!(await exists(path))) continue;
    const plain = await describeSegment(spool.path('sealed', file), 'none', origin, signal, onProgress).catch(
      missing(file),
    );
    const description = await describeSegment(path, compression, origin, signal, onProgress).catch(
      (error: unknown) => {
        if (error instanceof ChatlogError && error.code === 'segment_corrupt') return undefined;
        throw error;
      },
    );
    if (!description) {
      await unlink(path);
      await syncDirectory(spool.path('sealed'));
      continue;
    }
    if (description.linesSha256 === plain.linesSha256) {
      await syncDirectory(spool.path('sealed'));
      await removePlain(spool, file);
      return { file: compressed, description };
    }
    const suffix = `${name.suffix}-${plain.linesSha256.slice(0, 8)}`;
    await rename(spool.path('sealed', file), spool.path('sealed', segmentFile({ ...name, suffix }, 'none')));
    await syncDirectory(spool.path('sealed'));
    throw new ChatlogError('segment_missing', `${file} was renamed: ${compressed} holds other lines`);
  }
  return undefined;
}

async function removePlain(spool: Spool, file: string): Promise<void> {
  await unlink(spool.path('sealed', file)).catch(ifMissing);
  await syncDirectory(spool.path('sealed'));
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(ifMissing)) !== undefined;
}

function missing(what: string): (error: unknown) => never {
  return (error) => {
    if (!isMissing(error)) throw error;
    throw new ChatlogError('segment_missing', `${what} is gone`, { cause: error });
  };
}
