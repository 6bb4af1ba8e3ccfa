import { ChatlogError } from '../../lib/errors.ts';
import type { Task } from './tasks.ts';

/** Gives back what it got, or fails with it: shows that threads work. */
export const echo: Task<{ bytes: Uint8Array; failure?: string }, Uint8Array> = async ({ bytes, failure }) => {
  if (failure === 'exit') process.exit(1);
  if (failure !== undefined) throw new ChatlogError(failure, 'it failed', { hint: 'ask for less' });
  return { value: bytes, transfer: [bytes.buffer as ArrayBuffer] };
};
