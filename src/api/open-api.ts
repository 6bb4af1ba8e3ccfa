/**
 * The API's own description: an OpenAPI 3.1 document made of the routes' schemas, a page that shows it (Swagger UI, from
 * here, so that it works without the internet), and a small index.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import swagger from '@fastify/swagger';
import type { RouteOptions } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import { packageInfo } from '../cli/package-info.ts';
import type { ApiApp, ApiContext } from './api-context.ts';
import { notFound } from './api-error.ts';

export async function addOpenApi(app: ApiApp, { config }: Pick<ApiContext, 'config'>): Promise<void> {
  const transform = createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Chatlog', version: packageInfo().version, description: DESCRIPTION },
      components: {
        securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'chatlog token create' } },
      },
    },
    transform: (input) => {
      const { schema, url } = transform(input as Parameters<typeof transform>[0]);
      return { schema: withCommon(schema as Described, input.route), url };
    },
  });
  const documents = new Map<string, string>();
  const openApi = () => app.swagger() as unknown as OpenApiDocument;
  app.get('/api/openapi.json', { config: CONFIG, schema: { hide: true } }, (_request, reply) => {
    const { read_access: readAccess } = config().http;
    const document = documents.get(readAccess) ?? documentText(openApi(), readAccess);
    documents.set(readAccess, document);
    return reply.type('application/json; charset=utf-8').send(document);
  });
  app.get('/api', { config: CONFIG, schema: { hide: true } }, () => indexOf(openApi()));
  addPage(app);
}

const CONFIG = { scope: 'public', cacheSeconds: 60 } as const;

const DESCRIPTION = `Every recorded line, within seconds.

Times are RFC 3339, UTC. Errors all look like \`{"error":{"code","message","hint","details"}}\`: branch on \`code\`.
Lists go on with \`cursor\`: the \`nextCursor\` of the page before. Answers carry an \`ETag\`; ask with \`If-None-Match\`.
Tokens are made with \`chatlog token create\` and sent as \`Authorization: Bearer TOKEN\`.`;

interface Described {
  hide?: boolean;
  response?: Record<string, unknown>;
  [member: string]: unknown;
}

interface OpenApiDocument {
  paths: Record<string, Record<string, { summary?: string }>>;
}

/** Whether reading takes a token is a setting, which may change. */
function documentText(document: OpenApiDocument, readAccess: 'public' | 'token'): string {
  if (readAccess === 'public') return JSON.stringify(document);
  return JSON.stringify(document, (_, value) =>
    value?.['x-scope'] === 'read' ? { ...value, security: [{ token: [] }] } : value,
  );
}

/** What is true of every route: how it fails, and what token it takes. */
function withCommon(schema: Described | undefined, { config }: RouteOptions): Described {
  if (schema?.hide) return schema;
  const scope = config?.scope;
  const open = scope === 'public' || scope === 'read';
  return {
    ...schema,
    ...(scope !== 'public' && { security: open ? [{}, { token: [] }] : [{ token: [] }], 'x-scope': scope }),
    response: {
      200: config?.isEndless ? EVENT_STREAM : { description: 'The answer' },
      ...schema?.response,
      default: ERROR,
    },
  };
}

const EVENT_STREAM = {
  description: 'Events without end',
  content: { 'text/event-stream': { schema: { type: 'string' } } },
};

const ERROR = {
  description: 'What is wrong',
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: {
        code: {
          type: 'string',
          description: 'For programs: invalid_parameters, not_found, rate_limited, ...',
        },
        message: { type: 'string' },
        hint: { type: 'string', description: 'What to do about it' },
        details: {
          type: 'array',
          items: {
            type: 'object',
            required: ['parameter', 'message'],
            properties: { parameter: { type: 'string' }, message: { type: 'string' } },
          },
        },
      },
    },
  },
};

function indexOf({ paths }: OpenApiDocument) {
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary = '' }]) => ({
      route: `${method.toUpperCase()} ${path}`,
      summary,
    })),
  );
  return { documentation: '/api/docs', openapi: '/api/openapi.json', routes };
}

/** Nothing of it is inline but styles, which the page's program sets. */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Chatlog API</title>
    <link rel="icon" type="image/png" href="/api/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/api/docs/swagger-ui.css">
  </head>
  <body>
    <div id="page"></div>
    <script src="/api/docs/swagger-ui-bundle.js"></script>
    <script src="/api/docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: '/api/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  docExpansion: 'list',
  tryItOutEnabled: true,
  validatorUrl: 'none',
});
`;

/** In the bundle these files are copied beside the program. */
const ASSETS = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('../../node_modules/swagger-ui-dist/', import.meta.url)
    : new URL('../assets/swagger-ui/', import.meta.url),
);

const FILES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

function addPage(app: ApiApp): void {
  const options = { config: { scope: 'public', cacheSeconds: 3_600 } as const, schema: { hide: true } };
  app.get('/api/docs', options, (_request, reply) =>
    reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(PAGE),
  );
  app.get('/api/docs/start.js', options, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(START),
  );
  for (const [file, type] of Object.entries(FILES))
    app.get(`/api/docs/${file}`, options, async (_request, reply) => {
      const content = await readFile(join(ASSETS, file)).catch(() => {
        throw notFound(`file ${file} in this installation`);
      });
      return reply.type(type).send(content);
    });
}
