/** The API's own description: an OpenAPI 3.1 document made of the routes' schemas, and a page that shows it. */
import swagger from '@fastify/swagger';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import { packageInfo } from '../cli/package-info.ts';
import type { ApiApp } from './api-context.ts';

export async function addOpenApi(app: ApiApp): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Chatlog', version: packageInfo().version, description: DESCRIPTION },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      // An empty one: also without.
      security: [{}, { token: [] }],
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } }),
  });
  let document: string | undefined;
  app.get('/api/openapi.json', { config: { scope: 'public' }, schema: { hide: true } }, (_request, reply) => {
    document ??= JSON.stringify(app.swagger());
    return reply.type('application/json; charset=utf-8').send(document);
  });
}

const DESCRIPTION = `Every recorded line, within seconds.

Times are RFC 3339 UTC. Errors all look like \`{"error":{"code","message","hint","details"}}\`.
Tokens are made with \`chatlog token create\` and sent as \`Authorization: Bearer TOKEN\`.`;
