/** What every route of this API needs of its request: names out of the path, short questions to the index. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Session } from '../../index/database/database.ts';
import type { ApiContext } from '../api-context.ts';
import type { Naming } from './find-log.ts';
import type { Query } from './log-parameters.ts';

export function queryOf(request: FastifyRequest): Query {
  return request.query as Query;
}

/** A part of the path, decoded. */
export function pathPart(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name]!;
}

export function ask<T>(
  { database, config }: ApiContext,
  request: FastifyRequest,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return database.read(work, {
    statementTimeoutMs: config().http.statement_timeout_seconds * 1000,
    signal: request.signal,
  });
}

/** `/channel/` and `/user/` name by login, `/channelid/` and `/userid/` by the platform's id. */
export const CHANNEL_PATHS: readonly [path: string, by: Naming][] = [
  ['/channel/:channel', 'name'],
  ['/channelid/:channel', 'id'],
];
export const USER_PATHS: readonly [path: string, by: Naming][] = [
  ['user/:user', 'name'],
  ['userid/:user', 'id'],
];

/** So long after its end a day's last lines may still be on their way. */
const SETTLED_AFTER_MS = 10 * 60_000;

export function hasSettled(endMs: number, nowMs: number): boolean {
  return endMs + SETTLED_AFTER_MS <= nowMs;
}

/** That a log's format may have been chosen by what the request calls its own. */
export function varyByContentType(reply: FastifyReply): void {
  const others = reply.getHeader('vary');
  reply.header('vary', others === undefined ? 'content-type' : `${others}, content-type`);
}

/** `maxAgeSeconds` undefined: it may change at any moment. */
export function setCaching(
  reply: FastifyReply,
  { config }: ApiContext,
  maxAgeSeconds: number | undefined,
): void {
  const who = config().http.read_access === 'public' ? 'public' : 'private';
  reply.header(
    'cache-control',
    maxAgeSeconds === undefined ? 'no-cache' : `${who}, max-age=${maxAgeSeconds}`,
  );
}
