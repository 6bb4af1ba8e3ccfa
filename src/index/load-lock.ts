/**
 * The advisory lock of everything that adds rows to the index or takes rows from it, taken first in each such transaction.
 * One at a time, so that moderation applied to messages and messages checked against moderation never miss each other, and
 * nothing comes back while it is being removed.
 */
import type { Connection, Database, Session } from './database/database.ts';

const LOAD_LOCK = 24_285_642;

export interface LoadLockOptions {
  /** How long a statement waits for a table that others use, rather than for ever; then `database_conflict`. */
  lockTimeoutMs?: number;
  /** Breaks off what runs; the transaction is rolled back. */
  signal?: AbortSignal | undefined;
}

/** A transaction that holds the lock throughout. */
export async function underLoadLock<T>(
  database: Database,
  { lockTimeoutMs, signal }: LoadLockOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  return database.transaction(
    async (session) => {
      await takeLoadLock(session);
      if (lockTimeoutMs !== undefined)
        await session.exec(`SET LOCAL lock_timeout = ${Math.ceil(lockTimeoutMs)}`);
      return work(session);
    },
    { signal },
  );
}

/** Until the end of the transaction. */
export async function takeLoadLock(connection: Connection): Promise<void> {
  await connection.query('SELECT pg_advisory_xact_lock($1)', [LOAD_LOCK]);
}
