import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Compression } from '../../segment-name.ts';

/**
 * At one go, which is twice as fast as in pieces, where the size of the lines is known. Undefined where the bytes do not
 * decompress to exactly so many: they are then read in pieces, as far as they go.
 */
export function decompressWhole(
  bytes: Uint8Array,
  compression: Compression,
  linesBytes: number,
): Uint8Array | undefined {
  if (compression === 'none') return bytes.length === linesBytes ? bytes : undefined;
  const options = { chunkSize: Math.max(64, linesBytes), maxOutputLength: Math.max(1, linesBytes) };
  try {
    const lines = compression === 'zstd' ? zstdDecompressSync(bytes, options) : gunzipSync(bytes, options);
    return lines.length === linesBytes ? lines : undefined;
  } catch {
    return undefined;
  }
}
