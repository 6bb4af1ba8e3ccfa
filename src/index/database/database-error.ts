import { ChatlogError } from '../../lib/errors.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

/** SQLSTATE classes and codes (PostgreSQL, appendix A). */
const CONNECTION = /^(08|57P0[1-5]|53300|3D000|25006|58)/;
const CONFLICT = new Set(['40001', '40P01', '55P03', '23505']);
const CANCELLED = '57014';

/** What the database port's errors are made of; see `database.ts`. */
export function explainDatabaseError(error: unknown): unknown {
  if (error instanceof ChatlogError || !(error instanceof Error)) return error;
  const code = (error as { code?: unknown }).code;
  const message = `database: ${error.message}`;
  if (code === CANCELLED)
    return new ChatlogError('database_timeout', 'the query took too long and was broken off', {
      cause: error,
    });
  if (typeof code === 'string' && CONFLICT.has(code))
    return new ChatlogError('database_conflict', message, { retryable: true, cause: error });
  const isState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code);
  // Where the server said nothing, the connection is the cause: refused, reset, ended, timed out.
  const isAway = isState ? CONNECTION.test(code) : systemErrorCode(error) !== undefined || isLost(error);
  if (isAway)
    return new ChatlogError('database_unavailable', message, {
      retryable: true,
      cause: error,
      hint: 'Recording goes on without it; the index catches up when the database is back. Is database_url right?',
    });
  return error;
}

/** Texts of `pg` for connections that ended without an error of the system. */
function isLost({ message }: Error): boolean {
  return /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout expired|timeout exceeded|Query read timeout)/.test(
    message,
  );
}
