/** `ETag`, `304 Not Modified` and `Cache-Control`. Of answers that are whole: what is streamed has no tag. */
import { hash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Weak: the answer may be compressed on its way. */
export function entityTag(payload: string | Buffer): string {
  return `W/"${hash('sha1', payload, 'base64url')}"`;
}

/** Whether one of the tags that the client has is this one (RFC 9110, 13.1.2: compared weakly). */
export function hasTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const bare = tag.replace(/^W\//, '');
  return ifNoneMatch.split(',').some((each) => each.trim().replace(/^W\//, '') === bare);
}

/** An `onSend` hook. What the route said itself stays. */
export async function addTag(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
  if (!isRead || reply.statusCode !== 200 || !isWhole) return payload;
  const tag = reply.getHeader('etag') ?? entityTag(payload);
  reply.header('etag', tag);
  if (!hasTag(request.headers['if-none-match'], String(tag))) return payload;
  reply.code(304).removeHeader('content-length');
  return null;
}

/**
 * Answers of one route may be reused for `cacheSeconds`; else they are asked for again each time, which costs little by
 * their tag. What only a token's holder may see is kept by nobody else.
 */
export function cacheControl(cacheSeconds: number | undefined, isPublic: boolean): string {
  const who = isPublic ? 'public' : 'private';
  return cacheSeconds === undefined ? `${who}, no-cache` : `${who}, max-age=${cacheSeconds}`;
}
