import { ChatlogError, errorText } from '../../lib/errors.ts';
import type { Database } from './database.ts';

export interface DeferredDatabaseOptions extends Pick<Database, 'kind' | 'name'> {
  /**
   * What it throws is `database_unavailable` to whoever asked; the next one tries again. After `onEnded` what it opened
   * is disposed, and the next use opens anew.
   */
  open(onEnded: () => void): Promise<Database>;
}

/** A database that is opened by its first use, so that whoever starts waits for nothing. */
export function deferredDatabase({ kind, name, open }: DeferredDatabaseOptions): Database {
  let opening: Promise<Database> | undefined;
  /** What ended: its files are free when this is through. */
  let ending: Promise<void> | undefined;
  let isClosed = false;
  const opened = (): Promise<Database> => {
    if (isClosed) return Promise.reject(unavailable(new Error('it was closed')));
    opening ??= openAnew();
    return opening;
  };
  const openAnew = (): Promise<Database> => {
    const mine = (async () => {
      await ending;
      return open(() => drop(mine));
    })().catch((error: unknown) => {
      if (opening === mine) opening = undefined;
      throw unavailable(error);
    });
    return mine;
  };
  const drop = (ended: Promise<Database>): void => {
    if (isClosed || opening !== ended) return;
    opening = undefined;
    ending = ended.then((database) => database[Symbol.asyncDispose]()).catch(() => {});
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
      await ending;
      const database = await opening?.catch(() => undefined);
      await database?.[Symbol.asyncDispose]();
    },
  };
}
