/** Reading files and streams with a fixed amount of memory, however large they are. */
import { open } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { throughTransform } from '../lib/through-transform.ts';

const CHUNK_BYTES = 128 * 1024;

/** The file's bytes in order. One buffer serves all chunks: each is valid until the next is asked for. */
export async function* fileChunks(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/**
 * Sends the source through a transform and hands each piece of its output on; see {@link throughTransform}. Whatever
 * fails, source and transform are closed before this rejects.
 */
export async function pump(
  source: AsyncIterable<Buffer>,
  transform: Transform,
  onOutput: (bytes: Buffer) => Promise<void> | void,
): Promise<void> {
  for await (const bytes of throughTransform(source, transform)) await onOutput(bytes);
}
