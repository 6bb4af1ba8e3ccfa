/** Reads a segment file (plain, gzip or zstd) once, streaming, and says what is in it. Memory is flat. */
import { createHash } from 'node:crypto';
import { decompress, isDecompressionError } from '../lib/decompress.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Compression } from '../segment-name.ts';
import type { SegmentDescription } from '../storage/object-store.ts';
import { fileChunks } from './file-chunks.ts';
import { LinesTally } from './lines-tally.ts';

/** What the file itself does not tell. */
export type SegmentOrigin = Pick<SegmentDescription, 'formatVersion' | 'instance'>;

/**
 * Throws `segment_corrupt` where the file does not decompress to its end, the system's error where it cannot be read.
 * Abort ends it with the signal's reason.
 */
export async function describeSegment(
  path: string,
  compression: Compression,
  origin: SegmentOrigin,
  signal: AbortSignal,
  onProgress: () => void = () => {},
): Promise<SegmentDescription> {
  const tally = new LinesTally();
  const hash = createHash('sha256');
  let objectBytes = 0;
  const source = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of fileChunks(path, signal)) {
      hash.update(chunk);
      objectBytes += chunk.length;
      onProgress();
      yield chunk;
    }
  };
  try {
    for await (const bytes of decompress(source(), compression)) tally.update(bytes);
  } catch (error) {
    signal.throwIfAborted();
    throw isDecompressionError(error) ? corrupt(path, error) : error;
  }
  if (compression !== 'none' && objectBytes === 0) throw corrupt(path, new Error('the file is empty'));
  return { ...tally.finish(), objectSha256: hash.digest('hex'), objectBytes, ...origin };
}

function corrupt(path: string, cause: unknown): ChatlogError {
  return new ChatlogError('segment_corrupt', `${path} does not decompress: ${errorText(cause)}`, { cause });
}
