/**
 * A database that is lost at one operation and for good: what a process that dies, or a server, leaves behind at that
 * point. Every statement, every beginning of a piece of work and every commit is one operation.
 */
import type { Connection, Database, Session, SessionOptions } from '../../src/index/database/database.ts';
import { kyselySession } from '../../src/index/database/kysely-session.ts';
import { ChatlogError } from '../../src/lib/errors.ts';

export interface CutDatabase extends Database {
  readonly operations: number;
}

/**
 * @param at the operation at which it goes, from 1
 * @param when `after`: it is done, and its answer is lost
 * @param onCut what goes then; may never return
 */
export function cutDatabase(
  database: Database,
  at: number,
  when: 'before' | 'after',
  onCut: () => Promise<void> | void = () => {},
): CutDatabase {
  let operations = 0;
  let isLost = false;
  const lost = () => new ChatlogError('database_unavailable', 'the database is gone', { retryable: true });
  const operation = async <T>(action: () => Promise<T>): Promise<T> => {
    if (isLost) throw lost();
    operations++;
    if (operations !== at) return action();
    if (when === 'after') await action();
    isLost = true;
    await onCut();
    throw lost();
  };
  const cut = (session: Session): Session => {
    const connection: Connection = {
      query: (sql, parameters) => operation(() => session.query(sql, parameters)),
      exec: (sql) => operation(() => session.exec(sql)),
      copyIn: (target, chunks) => operation(() => session.copyIn(target, chunks)),
    };
    return kyselySession(connection);
  };
  const held =
    (kind: 'transaction' | 'read') =>
    async <T>(work: (session: Session) => Promise<T>, options?: SessionOptions): Promise<T> => {
      let isWorkDone = false;
      let result: T | undefined;
      // The commit is an operation too: lost before it, or after it with nobody told.
      await operation(() =>
        database[kind](async (session) => {
          if (isLost) throw lost();
          result = await work(cut(session));
          isWorkDone = true;
          if (isLost) throw lost();
        }, options),
      );
      if (!isWorkDone) throw lost();
      return result as T;
    };
  return {
    kind: database.kind,
    name: database.name,
    get operations() {
      return operations;
    },
    transaction: held('transaction'),
    read: held('read'),
    session: (work, options) => database.session((session) => work(cut(session)), options),
    [Symbol.asyncDispose]: async () => {},
  };
}
