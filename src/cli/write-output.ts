import { once } from 'node:events';
import { systemErrorCode } from '../lib/system-error.ts';

/**
 * Writes to standard output, as fast as it is read. Who read enough (`| head`) goes, which is no error: the source is ended, and
 * `closed` comes back. Abort rejects. The source has ended when this comes back.
 */
export async function writeOutput(
  parts: AsyncIterable<string | Uint8Array>,
  signal: AbortSignal,
): Promise<'written' | 'closed'> {
  const { stdout } = process;
  const gone = new AbortController();
  const onError = (error: unknown) => gone.abort(error);
  const onClose = () => gone.abort();
  stdout.on('error', onError).on('close', onClose);
  try {
    for await (const part of parts) {
      signal.throwIfAborted();
      if (!stdout.write(part))
        await once(stdout, 'drain', { signal: AbortSignal.any([signal, gone.signal]) });
      if (gone.signal.aborted) break;
    }
    return gone.signal.aborted ? closed(gone.signal.reason) : 'written';
  } catch (error) {
    signal.throwIfAborted();
    if (gone.signal.aborted) return closed(gone.signal.reason);
    throw error;
  } finally {
    stdout.off('error', onError).off('close', onClose);
  }
}

function closed(error: unknown): 'closed' {
  const code = systemErrorCode(error);
  if (code !== undefined && code !== 'EPIPE') throw error;
  return 'closed';
}
