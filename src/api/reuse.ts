import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ApiContext } from './api-context.ts';
import { cacheControl } from './conditional-answers.ts';

/** Late lines, edits and moderation mostly come within so long. */
const SETTLED_AFTER_MS = 3_600_000;
/** Not for ever: what is forgotten has to go from other people's caches too. */
const PAST_SECONDS = 600;

/** An answer about nothing later than `untilMs` may be reused for a while; one about now is asked for again, by its tag. */
export function allowReuse(
  { config, now }: ApiContext,
  request: FastifyRequest,
  reply: FastifyReply,
  untilMs: number | undefined,
): void {
  const isSettled = untilMs !== undefined && untilMs < now() - SETTLED_AFTER_MS;
  const isPublic = request.routeOptions.config.scope === 'read' && config().http.read_access === 'public';
  if (isSettled) reply.header('cache-control', cacheControl(PAST_SECONDS, isPublic));
}
