import { ChatlogError, errorText } from '../../lib/errors.ts';
import type { Database } from './database.ts';

export interface DeferredDatabaseOptions extends Pick<Database, 'kind' | 'name'> {
  /** What it throws is `database_unavailable` to whoever asked; the next one tries again. */
  open(): Promise<Database>;
}

/** A database that is opened by its first use, so that whoever starts waits for nothing. */
export function deferredDatabase({ kind, name, open }: DeferredDatabaseOptions): Database {
  let opening: Promise<Database> | undefined;
  let isClosed = false;
  const opened = (): Promise<Database> => {
    if (isClosed) return Promise.reject(unavailable(new Error('it was closed')));
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw unavailable(error);
    });
    return opening;
  };
  const unavailable = (error: unknown) =>
    new ChatlogError('database_unavailable', `${name} cannot be opened: ${errorText(error)}`, {
      retryable: true,
      hint: error instanceof ChatlogError ? error.hint : undefined,
      cause: error,
    });
  return {
    kind,
    name,
    transaction: async (work, options) => (await opened()).transaction(work, options),
    read: async (work, options) => (await opened()).read(work, options),
    session: async (work, options) => (await opened()).session(work, options),
    async [Symbol.asyncDispose]() {
      isClosed = true;
      const database = await opening?.catch(() => undefined);
      await database?.[Symbol.asyncDispose]();
    },
  };
}
