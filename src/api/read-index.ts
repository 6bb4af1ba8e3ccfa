import type { FastifyRequest } from 'fastify';
import type { Session } from '../index/database/database.ts';
import type { ApiContext } from './api-context.ts';

/** One snapshot of the index for one request: bounded in time, and broken off when the client goes away. */
export function readIndex<T>(
  { database, config }: ApiContext,
  { signal }: FastifyRequest,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return database.read(work, {
    statementTimeoutMs: config().http.statement_timeout_seconds * 1_000,
    signal,
  });
}
