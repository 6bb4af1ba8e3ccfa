import { gzipSync, zstdCompressSync } from 'node:zlib';
import { FORMATS } from '../formats/formats.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import type { Task } from '../scan/tasks.ts';
import type { Encoding, FileCompression } from './line-encoder.ts';

/** What a format makes of a piece of lines, compressed. */
export const encode: Task<Encoding & { batch: LineBatch }, Uint8Array> = async (input) => {
  const format = await FORMATS[input.format]();
  if (format.kind !== 'plain') throw new TypeError(`${input.format} is written in one go`);
  const value = compressBytes(format.convert(input.batch, input.options), input.compress);
  const isWhole = value.byteLength === value.buffer.byteLength;
  return { value, transfer: isWhole ? [value.buffer as ArrayBuffer] : [] };
};

function compressBytes(bytes: Uint8Array, compression: FileCompression): Uint8Array {
  if (compression === 'none' || bytes.length === 0) return bytes;
  return compression === 'zstd' ? zstdCompressSync(bytes) : gzipSync(bytes);
}
