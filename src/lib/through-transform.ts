import type { Transform } from 'node:stream';

/**
 * What a transform makes of the source. Each chunk is waited for until the transform is done with it, so that the source
 * may reuse its buffer. What follows where the transform says that it is at the end is read, too. A failure of the source
 * or of the transform is thrown as it is; whatever happens, also where nobody asks for more, both are closed when this is
 * over.
 */
export async function* throughTransform(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Buffer> {
  let failure: { error: unknown } | undefined;
  let isLeft = false;
  let isWritten = () => {};
  // One that fails forgets the callback of the write in progress.
  const closed = new Promise<void>((resolve) => transform.once('close', resolve)).then(() => isWritten());
  transform.on('error', () => {});
  /** Resolves also where it takes nothing more. */
  const write = (chunk: Uint8Array): Promise<void> =>
    new Promise((resolve) => {
      isWritten = resolve;
      if (transform.destroyed) resolve();
      else transform.write(chunk, () => resolve());
    });
  const feed = async (): Promise<void> => {
    try {
      for await (const chunk of source) {
        await write(chunk);
        if (isLeft) return;
      }
      transform.end();
    } catch (error) {
      failure = { error };
      transform.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  const fed = feed();
  try {
    yield* transform as AsyncIterable<Buffer>;
    await fed;
  } catch (error) {
    throw failure ? failure.error : error;
  } finally {
    isLeft = true;
    transform.destroy();
    await closed;
    await fed;
  }
  if (failure) throw failure.error;
}
