import { userInfo } from 'node:os';
import { ChatlogError } from './errors.ts';
import { systemErrorCode } from './system-error.ts';

/** What a person configured and the file system refused: `data_dir`, `/var/lib/chatlog`. */
export interface Place {
  name: string;
  path: string;
  /** What was wanted; writing when left out. */
  to?: 'read' | 'write';
}

const CAUSES_MAX = 8;

/**
 * A system error that means a refusal of this place, also one deep in the causes, as a sentence with a hint:
 * `data_dir /x is not writable for user nobody (EACCES)`. Any other error is given back as it is.
 */
export function explainFileError(error: unknown, place: Place): unknown {
  const refusal = findRefusal(error);
  if (!refusal) return error;
  const { code, path } = refusal;
  const at = path === undefined || path === place.path ? code : `${code} on ${path}`;
  const { says, hint } = REFUSALS[code]!(place);
  return new ChatlogError('not_accessible', `${place.name} ${place.path} ${says} (${at})`, {
    hint,
    cause: error,
  });
}

/** Runs `action`; what the file system refuses to it is explained. */
export async function explainingFileErrors<T>(place: Place, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw explainFileError(error, place);
  }
}

type Refusal = (place: Place) => { says: string; hint: string };

const notPermitted: Refusal = ({ to }) => ({
  says: `is not ${to === 'read' ? 'readable' : 'writable'} for user ${userName()}`,
  hint: `Give that user the right to ${to ?? 'write'} there, run as another user, or choose another place.`,
});

const REFUSALS: Readonly<Record<string, Refusal>> = {
  EACCES: notPermitted,
  EPERM: notPermitted,
  EROFS: () => ({
    says: 'is on a file system that is mounted read-only',
    hint: 'Mount it to be written to, or choose another place.',
  }),
  ENOTDIR: () => ({
    says: 'cannot be there: a part of the path is no directory',
    hint: 'Choose another place.',
  }),
  EEXIST: () => ({ says: 'is no directory', hint: 'Choose another place.' }),
  ENOSPC: () => ({ says: 'is on a full disk', hint: 'Make room, or choose another place.' }),
  EDQUOT: () => ({
    says: `is over the disk quota of user ${userName()}`,
    hint: 'Make room, or choose another place.',
  }),
};

function findRefusal(error: unknown): { code: string; path: string | undefined } | undefined {
  let found = error;
  for (let depth = 0; found instanceof Error && depth < CAUSES_MAX; depth++) {
    const code = systemErrorCode(found);
    if (code !== undefined && Object.hasOwn(REFUSALS, code)) {
      const { path, dest } = found as NodeJS.ErrnoException & { dest?: string };
      return { code, path: dest ?? path };
    }
    found = found.cause;
  }
  return undefined;
}

/** A container's user often has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
