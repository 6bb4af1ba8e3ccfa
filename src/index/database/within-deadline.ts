import { abortable } from '../../lib/abortable.ts';
import { ChatlogError } from '../../lib/errors.ts';

/**
 * Waits for work on the database, but not for ever: a server that is there and says nothing (stopped, cut off, stuck in
 * its storage) counts as away. What the work does in the end is unknown, as it is after a lost COMMIT.
 */
export async function withinDeadline<T>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(ms);
  const either = AbortSignal.any([signal, deadline]);
  try {
    return await abortable(work(either), either);
  } catch (error) {
    if (signal.aborted || !deadline.aborted) throw error;
    throw new ChatlogError('database_unavailable', `the database has not answered for ${ms / 1000} s`, {
      retryable: true,
      cause: error,
    });
  }
}
