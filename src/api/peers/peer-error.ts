/** What is wrong, as the log viewers' API says it: a status and a line of plain text. */
import type { FastifyReply, FastifyRequest } from 'fastify';
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
export function answerPeerError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { statusCode, message, retryAfterSeconds } = asAnswer(thrown, request);
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  void reply
    .code(statusCode)
    .header('cache-control', 'no-cache')
    .type('text/plain; charset=utf-8')
    .send(message);
}

function asAnswer(
  thrown: unknown,
  request: FastifyRequest,
): { statusCode: number; message: string; retryAfterSeconds?: number | undefined } {
  if (thrown instanceof PeerError) return thrown;
  const { error, isOurs } = explainError(thrown);
  if (isOurs) request.log.error({ err: thrown, url: request.url }, 'a request failed');
  return error;
}
