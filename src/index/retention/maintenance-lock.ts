/**
 * One maintenance at a time. Over PostgreSQL an advisory lock of a session that is held throughout; it ends with its
 * connection. PGlite belongs to one process and has one connection, which nobody may hold for so long: there the lock
 * is this process's own. Whoever changes what maintenance reads and writes over many transactions takes it too.
 */
import { ChatlogError } from '../../lib/errors.ts';
import type { Database } from '../database/database.ts';

const MAINTENANCE_LOCK = 24_285_650;

export interface HeldLock {
  /** Asks the database whether the lock is still ours: a connection can end without a word. Throws where it is not. */
  confirm(): Promise<void>;
}

const heldHere = new WeakSet<Database>();

/** Runs `work` with the lock. Throws `maintenance_running` where somebody else has it. */
export async function withMaintenanceLock<T>(
  database: Database,
  work: (lock: HeldLock) => Promise<T>,
): Promise<T> {
  if (database.kind === 'pglite') return withOwnLock(database, work);
  return database.session(async (session) => {
    const { rows } = await session.query('SELECT pg_try_advisory_lock($1) AS taken', [MAINTENANCE_LOCK]);
    if (rows[0]?.taken !== true) throw running();
    const confirm = async () => void (await session.query('SELECT 1'));
    const result = await work({ confirm });
    await session.query('SELECT pg_advisory_unlock($1)', [MAINTENANCE_LOCK]);
    return result;
  });
}

async function withOwnLock<T>(database: Database, work: (lock: HeldLock) => Promise<T>): Promise<T> {
  if (heldHere.has(database)) throw running();
  heldHere.add(database);
  try {
    return await work({ confirm: async () => {} });
  } finally {
    heldHere.delete(database);
  }
}

function running(): ChatlogError {
  return new ChatlogError('maintenance_running', 'maintenance runs already', {
    retryable: true,
    hint: 'Wait until it is done: "chatlog status" says when.',
  });
}
