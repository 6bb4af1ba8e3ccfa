/** What is wrong, as the log viewers' API says it: a status and a line of plain text. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../lib/logger.ts';
import type { ApiContext } from '../api-context.ts';
import { explainError } from '../explain-error.ts';

export class PeerError extends Error {
  /** HTTP status. */
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'PeerError';
    this.statusCode = statusCode;
  }
}

/** 400 `Invalid param: ...`. */
export function invalidParam(what: string): PeerError {
  return new PeerError(400, `Invalid param: ${what}`);
}

export function notFound(): PeerError {
  return new PeerError(404, 'Not found');
}

/** Clients tell an opt-out from a failure by the status, people by the sentence. */
export function optedOut(who: 'channel' | 'user'): PeerError {
  return new PeerError(403, `The requested ${who} has opted out of being logged`);
}

/** The error handler of these routes. */
export function answerPeerError(
  { log }: ApiContext,
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { statusCode, message, retryAfterSeconds } = answerOf(log, thrown, request);
  if (statusCode === 401) reply.header('www-authenticate', 'Bearer realm="chatlog"');
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  void reply
    .code(statusCode)
    .header('cache-control', 'no-cache')
    .type('text/plain; charset=utf-8')
    .send(message);
}

interface PeerAnswer {
  statusCode: number;
  message: string;
  retryAfterSeconds?: number | undefined;
}

function answerOf(log: Logger, thrown: unknown, request: FastifyRequest): PeerAnswer {
  if (thrown instanceof PeerError) return thrown;
  const { error, isOurs } = explainError(thrown);
  const about = { method: request.method, path: request.url.split('?', 1)[0], err: error.cause ?? error };
  if (isOurs) log.error(about, 'a request failed');
  // The administrators' clients know no 401.
  if (error.statusCode === 401 && request.url.startsWith('/admin/'))
    return { statusCode: 403, message: 'A key of scope admin is needed' };
  if (error.code === 'invalid_parameters') return invalidParam(error.message);
  return error;
}
