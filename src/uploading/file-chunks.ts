/** Reading files and streams with a fixed amount of memory, however large they are. */
import { open } from 'node:fs/promises';
import type { Transform } from 'node:stream';

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
 * Sends the source through a transform and hands each piece of its output on. Each chunk is waited for until the
 * transform is done with it, so that the source may reuse its buffer. Whatever fails, source and transform are closed
 * before this rejects.
 */
export async function pump(
  source: AsyncIterable<Buffer>,
  transform: Transform,
  onOutput: (bytes: Buffer) => Promise<void> | void,
): Promise<void> {
  const closed = new Promise<void>((resolve) => transform.once('close', resolve));
  transform.on('error', () => {});
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) await writeChunk(transform, chunk, closed);
      transform.end();
    } catch (error) {
      transform.destroy(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  };
  const drain = async (): Promise<void> => {
    for await (const bytes of transform) await onOutput(bytes);
  };
  const [drained, fed] = await Promise.allSettled([drain(), feed()]);
  transform.destroy();
  await closed;
  // A transform that failed is what the source could not be written to.
  if (drained.status === 'rejected') throw drained.reason;
  if (fed.status === 'rejected') throw fed.reason;
}

/** A transform that fails forgets the callback of the write in progress. */
async function writeChunk(transform: Transform, chunk: Buffer, closed: Promise<void>): Promise<void> {
  const written = new Promise<void>((resolve, reject) => {
    transform.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
  const lost = closed.then(() => {
    throw new Error('the transform was closed');
  });
  await Promise.race([written, lost]);
}
