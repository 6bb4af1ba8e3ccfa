/** One process per file that is pulled to: what is locked is `FILE.part`, which two of them would write at the same time. */
import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { explainFileError } from '../../lib/explain-file-error.ts';
import { lockDirectory } from '../../lib/instance-lock.ts';
import { makeDirectory } from '../../lib/make-directory.ts';
import { ifMissing, isMissing } from '../../lib/system-error.ts';
import { partName } from './part-file.ts';

/** To be taken before the checkpoint is read. Throws `output_in_use`, `not_accessible`. Disposing gives the file free. */
export async function lockFile(path: string): Promise<AsyncDisposable> {
  const part = partName(path);
  try {
    await makeDirectory(dirname(path));
    await (await open(part, 'a', 0o644)).close();
  } catch (error) {
    throw explainFileError(error, { name: 'the output', path });
  }
  const lock = await lockDirectory(part).catch((error: unknown) => {
    // It is gone again where the other process has just come to its end.
    if (!(error instanceof ChatlogError) && !isMissing(error)) throw error;
    throw new ChatlogError('output_in_use', `another chatlog pulls to ${path}`, { hint: 'Wait for it.' });
  });
  return {
    [Symbol.asyncDispose]: async () => {
      try {
        const info = await stat(part).catch(ifMissing);
        // Nothing was written.
        if (info?.isFile() && info.size === 0) await rm(part, { force: true });
      } finally {
        await lock[Symbol.asyncDispose]();
      }
    },
  };
}
