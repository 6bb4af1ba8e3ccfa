/** Bytes of local segments. A file that moves on or goes away at any moment is no error: it is found again, or is done with. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { decompress } from '../../lib/decompress.ts';
import { ifMissing } from '../../lib/system-error.ts';
import type { Spool } from '../../spool.ts';
import type { LocalFile } from './local-listing.ts';

const CHUNK_BYTES = 128 * 1024;
const OUTPUT = { chunkSize: CHUNK_BYTES };
const HEAD_BYTES = 4096;
const NEWLINE = 0x0a;

/** What tells a file from another of the same name, wherever it was renamed to. */
export interface FileState {
  identity: string;
  size: number;
}

/** Undefined where it is not there any more. */
export async function fileState(
  spool: Spool,
  { directory, file }: LocalFile,
): Promise<FileState | undefined> {
  try {
    const { ino, birthtimeMs, size } = await stat(spool.path(directory, file));
    return { identity: `${ino} ${birthtimeMs}`, size };
  } catch (error) {
    return ifMissing(error);
  }
}

/** So many bytes of a plain file at most; undefined where it is gone. */
export async function readAt(
  spool: Spool,
  { directory, file }: LocalFile,
  position: number,
  bytesMax: number,
): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(spool.path(directory, file), 'r');
  } catch (error) {
    return ifMissing(error);
  }
  try {
    const buffer = Buffer.allocUnsafe(bytesMax);
    const { bytesRead } = await handle.read(buffer, 0, bytesMax, position);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The lines' bytes, uncompressed, in chunks that the reader may keep. A plain file's from an offset, too. */
export async function* fileBytes(
  spool: Spool,
  { directory, file, name }: LocalFile,
  signal: AbortSignal,
  start = 0,
): AsyncGenerator<Buffer> {
  const handle = await open(spool.path(directory, file), 'r');
  const stream = handle.createReadStream({ highWaterMark: CHUNK_BYTES, start, signal });
  yield* decompress(stream, name.compression, OUTPUT);
}

/**
 * 16 hex digits that tell segments apart which have the same name, one after the other: a name is free again once its
 * file is gone. Made of the first line. Undefined while that is not wholly there; throws what the file system says.
 */
export async function headOf(
  spool: Spool,
  file: LocalFile,
  signal: AbortSignal,
): Promise<string | undefined> {
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of fileBytes(spool, file, signal)) {
    head = Buffer.concat([head, chunk]).subarray(0, HEAD_BYTES);
    if (head.includes(NEWLINE) || head.length === HEAD_BYTES) break;
  }
  const end = head.indexOf(NEWLINE);
  if (end < 0 && head.length < HEAD_BYTES) return undefined;
  const line = end < 0 ? head : head.subarray(0, end);
  return createHash('sha256').update(line).digest('hex').slice(0, 16);
}
