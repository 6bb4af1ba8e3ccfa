import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { Compression } from '../segment-name.ts';
import { systemErrorCode } from './system-error.ts';
import { throughTransform } from './through-transform.ts';

/**
 * The source's bytes, decompressed, in chunks of at most `chunkSize` bytes (where they are compressed; 16 KiB when left
 * out). Throws what the source throws, and what the decompressor says of bytes that are damaged or end too early
 * ({@link isDecompressionError}). The source is closed when this is over, also where nobody asks for more.
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  options: { chunkSize?: number } = {},
): AsyncGenerator<Buffer> {
  if (compression === 'none') {
    for await (const { buffer, byteOffset, length } of source) yield Buffer.from(buffer, byteOffset, length);
    return;
  }
  const decompressor = compression === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
  yield* throughTransform(source, decompressor);
}

export function isDecompressionError(error: unknown): boolean {
  return /^(Z_|ZSTD_|ERR_ZSTD|ERR_ZLIB|ERR_BUFFER)/.test(systemErrorCode(error) ?? '');
}
