/** A database that breaks at one statement: as if the connection, or the process that asks, died there. */
import type { Database, Session } from '../../src/index/database/database.ts';
import { kyselySession } from '../../src/index/database/kysely-session.ts';
import { ChatlogError } from '../../src/lib/errors.ts';

export interface BrokenDatabase {
  database: Database;
  /** Whether it broke. */
  readonly isBroken: boolean;
  readonly statements: number;
}

/**
 * Statements and commits are counted from 1. At the `breakAt`th it fails, after the server did it or before; so does
 * everything afterwards.
 */
export function brokenDatabase(real: Database, breakAt: number, when: 'before' | 'after'): BrokenDatabase {
  let statements = 0;
  let isBroken = false;
  const lost = () => new ChatlogError('database_unavailable', 'the connection was lost', { retryable: true });
  const step = async <T>(action: () => Promise<T>): Promise<T> => {
    if (isBroken) throw lost();
    isBroken = ++statements === breakAt;
    if (isBroken && when === 'before') throw lost();
    const result = await action();
    if (isBroken) throw lost();
    return result;
  };
  const wrap = (session: Session): Session =>
    kyselySession({
      query: (sql, parameters) => step(() => session.query(sql, parameters)),
      exec: (sql) => step(() => session.exec(sql)),
      copyIn: (target, chunks) => step(() => session.copyIn(target, chunks)),
    });
  const held =
    (hold: Database['transaction']): Database['transaction'] =>
    async (work, options) => {
      if (isBroken) throw lost();
      let isCommitLost = false;
      const result = await hold(async (session) => {
        const done = await work(wrap(session));
        // One more for the COMMIT: where its answer is lost, who asked cannot know what it did.
        isCommitLost = ++statements === breakAt;
        if (isCommitLost) isBroken = true;
        if (isCommitLost && when === 'before') throw lost();
        return done;
      }, options);
      if (isCommitLost) throw lost();
      return result;
    };
  return {
    database: {
      ...real,
      transaction: held(real.transaction),
      read: held(real.read),
      session: held(real.session),
    },
    get isBroken() {
      return isBroken;
    },
    get statements() {
      return statements;
    },
  };
}
