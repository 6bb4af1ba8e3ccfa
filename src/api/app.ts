/**
 * The API's frame: what holds for every route, so that a route is its schema and its query. Routes say in their `config`
 * who may use them and for how long an answer may be reused; see {@link RouteConfig}.
 *
 * A request passes: lengths, CORS, who it is as far as remembered, rate limit, its turn, token and scope, body, unknown and
 * wrong parameters, the route; its answer: entity tag, compression. Errors of all of them leave by one door.
 */
import type { Socket } from 'node:net';
import compress from '@fastify/compress';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import rateLimit, { normalizeIP } from '@fastify/rate-limit';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { errorText } from '../lib/errors.ts';
import { Turns } from '../lib/turns.ts';
import type { ApiApp, ApiContext } from './api-context.ts';
import { ApiError, invalidParameters } from './api-error.ts';
import { clientAddress } from './client-address.ts';
import { addTag, cacheControl } from './conditional-answers.ts';
import { explainError } from './explain-error.ts';
import { explainValidation, knownParameters, unknownParameters } from './explain-validation.ts';
import { addOpenApi } from './open-api.ts';
import { refuseUnstorable } from './refuse-unstorable.ts';
import { SlowClients } from './slow-clients.ts';
import { type Access, Authentication, challenge, demandAccess } from './tokens/authentication.ts';
import type { Caller } from './tokens/token-store.ts';

/** `config` of a route. */
export interface RouteConfig {
  /** Who may use it; every route says so. `read` is open to all where `http.read_access` is `public`. */
  scope?: Access;
  /** Seconds for which an answer may be reused without asking; 0 and left out: asked for again each time, by its tag. */
  cacheSeconds?: number;
  /** It may read the archive, and say nothing for as long as that takes. */
  readsArchive?: boolean;
  /** Its answer goes on for as long as the client listens: it takes no turn from those that end. */
  isEndless?: boolean;
  /** Parameters that the schema does not know are passed over; else they are refused. */
  ignoresUnknown?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig extends RouteConfig {}
  interface FastifyInstance {
    /** Tokens that were revoked here are refused from now on. */
    forgetTokens(): void;
  }
  interface FastifyRequest {
    /** Whose token came along; undefined = nobody's. */
    caller: Caller | undefined;
  }
}

const BODY_MAX_BYTES = 64 * 1024;
const URL_MAX = 4_096;
const PARAM_MAX = 1_300;
/** Answers in the making at once, and requests that wait for one of these turns. */
const AT_ONCE = 64;
const WAITING_MAX = 2_048;
const SYNTAX_HINT = 'GET /api lists what there is, /api/docs explains it.';

/** Without routes; `registerRoutes` has them. Not listening: `app.routing` takes requests once `app.ready()` resolved. */
export async function createApiApp(context: ApiContext): Promise<ApiApp> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_MAX_BYTES,
    // Nothing of it waits for anything; a machine that is very busy is no reason to fail.
    pluginTimeout: 0,
    routerOptions: { maxParamLength: PARAM_MAX, ignoreTrailingSlash: true },
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // Before there is a route, there is no error handler either.
    frameworkErrors: (error, _request, reply) => sendError(context, error, _request, reply as FastifyReply),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler<z.ZodType>(({ schema }) => (data) => {
    const parsed = schema.safeParse(data);
    if (parsed.success) return { value: parsed.data };
    return { error: invalidParameters(explainValidation(parsed.error.issues, data)) };
  });
  // Answers are checked by the compiler and by tests; checking each one again would cost more than making it.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.setErrorHandler((thrown, request, reply) => sendError(context, thrown, request, reply));
  demandScopes(app);
  app.addHook('onRequest', async ({ url }) => {
    if (url.length > URL_MAX)
      throw new ApiError(414, 'url_too_long', `the address is longer than ${URL_MAX} characters`);
  });
  await addHeaders(app, context);
  await addGates(app, context);
  app.addHook('preValidation', async (request) => {
    refuseUnknown(request);
    refuseUnstorable(request);
  });
  app.addHook('onSend', addTag);
  await app.register(compress, {
    encodings: ['zstd', 'gzip'],
    globalDecompression: false,
    // Its own list does not know application/x-ndjson.
    customTypes: /^text\/(?!event-stream)|json/,
  });
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request) => {
    const path = request.url.split('?', 1)[0]!;
    throw new ApiError(404, 'not_found', `there is no ${request.method} ${path}`, { hint: SYNTAX_HINT });
  });
  await addOpenApi(app, context);
  return app;
}

/** A route that forgot to say who may use it is a bug, found at the start. */
function demandScopes(app: ApiApp): void {
  app.addHook('onRoute', ({ method, url, config }) => {
    if (method !== 'OPTIONS' && config?.scope === undefined)
      throw new Error(`${method} ${url} does not say its scope`);
  });
}

/** What browsers are told: from where pages may read, what an answer may do, how long it keeps. */
async function addHeaders(app: ApiApp, context: ApiContext): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
    },
    // Pages elsewhere are meant to read; TLS is the business of what stands before us, for its whole domain.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    strictTransportSecurity: false,
  });
  await app.register(cors, {
    origin: (origin, done) => {
      const { cors_origins: allowed } = context.config().http;
      if (allowed.includes('*')) done(null, '*');
      else done(null, origin !== undefined && allowed.includes(origin) ? origin : false);
    },
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'if-none-match', 'last-event-id', 'x-api-key'],
    exposedHeaders: [
      'etag',
      'retry-after',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'x-chatlog-source',
      'x-rustlog-capabilities',
    ],
    maxAge: 3_600,
    // As log viewers know it; browsers take any 2xx.
    optionsSuccessStatus: 200,
    strictPreflight: false,
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (reply.hasHeader('cache-control')) return payload;
    const { scope, cacheSeconds } = request.routeOptions.config;
    const isKept = reply.statusCode === 200 && (request.method === 'GET' || request.method === 'HEAD');
    const isPublic =
      scope === 'public' || (scope === 'read' && context.config().http.read_access === 'public');
    reply.header(
      'cache-control',
      isKept && scope !== 'admin' ? cacheControl(cacheSeconds, isPublic) : 'no-store',
    );
    return payload;
  });
}

/** Who it is, how much is too much, whose turn it is, and who may. */
async function addGates(app: ApiApp, context: ApiContext): Promise<void> {
  const authentication = new Authentication(context);
  const turns = new Turns(AT_ONCE, WAITING_MAX);
  const slowClients = new SlowClients(() =>
    context.log.info({}, 'cut off a client that takes its answer too slowly'),
  );
  const settings = () => context.config().http;
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async (request) => {
    request.caller = authentication.remembered(request);
  });
  await app.register(rateLimit, {
    max: () => settings().rate_limit,
    timeWindow: 60_000,
    cache: 10_000,
    enableDraftSpec: true,
    allowList: ({ caller }) => caller?.tokenId === 'local',
    keyGenerator: ({ caller, headers, socket }) =>
      caller?.tokenId ??
      normalizeIP(clientAddress(headers, socket.remoteAddress, settings().trust_proxy) || '::'),
    errorResponseBuilder: (_request, { max, ttl }) =>
      new ApiError(429, 'rate_limited', `more than ${max} requests in a minute`, {
        hint: 'Wait for the seconds that Retry-After says; ask for larger pages.',
        retryAfterSeconds: Math.ceil(ttl / 1000),
      }),
  });
  app.addHook('preParsing', async (request, reply) => {
    const gone = goneSignal(reply);
    // Fastify's own fires as soon as a body has been read.
    if (request.body !== undefined || request.method !== 'GET')
      Object.defineProperty(request, 'signal', { value: gone });
    const { scope = 'public', readsArchive = false, isEndless = false } = request.routeOptions.config;
    request.caller ??= await authentication.caller(request, gone);
    if (request.method !== 'OPTIONS') demandAccess(request.caller, scope, settings().read_access);
    if (!isEndless) await takeTurn(turns, reply, gone);
    gone.throwIfAborted();
    if (scope === 'admin' || scope === 'export' || readsArchive) waitOnlyForUs(reply);
    slowClients.watch(reply.raw);
  });
  app.decorate('forgetTokens', () => authentication.forget());
}

/** Until the client has its answer. */
async function takeTurn(turns: Turns, { raw }: FastifyReply, gone: AbortSignal): Promise<void> {
  const giveBack = await turns.take(gone);
  if (giveBack === undefined)
    throw new ApiError(503, 'overloaded', 'too many requests wait already', { retryAfterSeconds: 1 });
  raw.once('close', giveBack);
  if (gone.aborted) giveBack();
}

/**
 * Forgetting, exporting and reading the archive may say nothing for long: the socket's timeout then means something only
 * where the client has not taken what was said.
 */
function waitOnlyForUs({ raw }: FastifyReply): void {
  raw.on('timeout', (socket: Socket) => {
    if (socket.writableLength > 0) socket.destroy();
    else socket.setTimeout(socket.timeout ?? 0);
  });
}

/** Fires when the client went away before it had its answer. */
function goneSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const abort = () => gone.abort(new ApiError(499, 'client_gone', 'the client went away'));
  raw.once('close', () => {
    if (!raw.writableFinished) abort();
  });
  // It may have gone while the API was loading.
  if (raw.destroyed) abort();
  return gone.signal;
}

function refuseUnknown(request: FastifyRequest): void {
  const { config, schema } = request.routeOptions;
  if (config.ignoresUnknown || request.is404) return;
  const known = schema?.querystring === undefined ? [] : knownParameters(schema.querystring);
  const problems = known === undefined ? [] : unknownParameters(request.query as object, known);
  if (problems.length > 0) throw invalidParameters(problems);
}

function sendError(context: ApiContext, thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { error, isOurs } = explainError(thrown);
  const about = { method: request.method, path: request.url.split('?', 1)[0], code: error.code };
  const cause = error.cause ?? error;
  // A database that is away is known, and there may be many such requests.
  if (error.statusCode === 503) context.log.warn({ ...about, err: errorText(cause) }, 'a request failed');
  else if (isOurs) context.log.error({ ...about, err: cause }, 'a request failed');
  else context.log.debug(about, 'a request was refused');
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds);
  challenge(reply, error);
  void reply
    .code(error.statusCode)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(error.body()));
}
