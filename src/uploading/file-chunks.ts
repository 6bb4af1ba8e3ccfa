/** Reading files and streams with a fixed amount of memory, however large they are. */
import { once } from 'node:events';
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
 * transform is done with it, so that the source may reuse its buffer. The transform is destroyed at the end.
 */
export async function pump(
  source: AsyncIterable<Buffer>,
  transform: Transform,
  onOutput: (bytes: Buffer) => Promise<void> | void,
): Promise<void> {
  const feed = async (): Promise<void> => {
    for await (const chunk of source) await writeChunk(transform, chunk);
    transform.end();
  };
  const drain = async (): Promise<void> => {
    for await (const bytes of transform) await onOutput(bytes);
  };
  const closed = once(transform, 'close').catch(() => {});
  try {
    await Promise.all([drain(), feed()]);
  } finally {
    transform.destroy();
    await closed;
  }
}

function writeChunk(transform: Transform, chunk: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    transform.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
