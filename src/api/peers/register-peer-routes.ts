/**
 * The API that log viewers, Chatterino and scripts speak: everything of justlog's and rustlog's, at the same paths
 * (docs/log-viewers.md). Errors are plain text, unknown parameters are passed over, upper case in a path is redirected.
 */
import type { ApiApp, ApiContext } from '../api-context.ts';
import { registerAdminChannelsRoute } from './admin-channels-route.ts';
import { CAPABILITIES, registerListRoutes } from './list-routes.ts';
import { registerLogRoutes } from './log-routes.ts';
import { registerOptoutRoute } from './optout-route.ts';
import { answerPeerError, notFound } from './peer-error.ts';
import { registerStatsRoutes } from './stats-routes.ts';

export interface PeerOptions {
  /** Of [0, 1). */
  random?: () => number;
}

const ROOTS = new Set([
  'channel',
  'channelid',
  'list',
  'channels',
  'namehistory',
  'capabilities',
  'optout',
  'admin',
]);

export function registerPeerRoutes(
  app: ApiApp,
  context: ApiContext,
  { random = Math.random }: PeerOptions = {},
): void {
  app.addHook('onRequest', async (request, reply) => {
    const lower = lowerCasePath(request.url);
    return lower === undefined ? undefined : reply.redirect(lower, 307);
  });
  app.register((scope, _options, done) => {
    try {
      registerScope(scope, context, random);
      done();
    } catch (error) {
      // A route that is there twice: said to whoever waits until all are ready.
      done(error as Error);
    }
  });
}

function registerScope(scope: ApiApp, context: ApiContext, random: () => number): void {
  scope.setErrorHandler((thrown, request, reply) => answerPeerError(context, thrown, request, reply));
  // Whatever a client says of its body: what is asked for in JSON is read as JSON, the rest needs none.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  scope.addHook('onRequest', async (_request, reply) => {
    reply.header('x-rustlog-capabilities', CAPABILITIES.join(','));
  });
  registerListRoutes(scope, context);
  registerStatsRoutes(scope, context);
  registerLogRoutes(scope, context, random);
  registerOptoutRoute(scope, context);
  registerAdminChannelsRoute(scope, context);
  for (const path of ['/channel/*', '/channelid/*'])
    scope.get(
      path,
      { config: { scope: 'public', ignoresUnknown: true }, schema: { hide: true } },
      async () => {
        throw notFound();
      },
    );
}

/** Undefined where the path is none of these, or in lower case already. Escapes (`%2F`) have no case. */
function lowerCasePath(url: string): string | undefined {
  const [path, ...query] = url.split('?');
  const root = /^\/([A-Za-z]+)(?=\/|$)/.exec(path!)?.[1];
  if (root === undefined || !ROOTS.has(root.toLowerCase())) return undefined;
  const lower = path!.replace(/%[0-9a-f]{2}|[^%]+/gi, (part) =>
    part[0] === '%' ? part : part.toLowerCase(),
  );
  return lower === path ? undefined : [lower, ...query].join('?');
}
