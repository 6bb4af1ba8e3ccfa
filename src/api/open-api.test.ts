import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { apiContext } from '../../test/support/api-context.ts';
import type { Database } from '../index/database/database.ts';
import type { ApiApp } from './api-context.ts';
import { createApiApp } from './app.ts';
import { registerRoutes } from './routes.ts';

/** Descriptions need no database. */
const unused = {} as Database;

async function start(readAccess: 'public' | 'token' = 'token'): Promise<ApiApp> {
  const context = apiContext({ database: unused, http: { read_access: readAccess } });
  const app = await createApiApp(context);
  registerRoutes(app, context);
  app.get(
    '/api/sample',
    {
      config: { scope: 'read' },
      schema: {
        summary: 'A sample',
        querystring: z.object({ limit: z.coerce.number().int().max(9).default(3).describe('How many') }),
        response: { 200: z.object({ at: z.string() }) },
      },
    },
    async () => ({ at: 'now' }),
  );
  onTestFinished(() => app.close());
  return app;
}

it('describes every route with its parameters, answers, errors and token', async () => {
  const app = await start();
  const response = await app.inject('/api/openapi.json');
  expect(response.statusCode).toBe(200);
  const document = response.json();
  expect(document.openapi).toBe('3.1.0');
  const sample = document.paths['/api/sample'].get;
  expect(sample).toMatchObject({
    summary: 'A sample',
    'x-scope': 'read',
    parameters: [{ in: 'query', name: 'limit', required: false, description: 'How many' }],
  });
  expect(sample.responses['200'].content['application/json'].schema.properties).toHaveProperty('at');
  expect(sample.responses.default.content['application/json'].schema.required).toEqual(['error']);
  expect(document.paths['/api/tokens'].post.security).toEqual([{ token: [] }]);
  expect(sample.security).toEqual([{ token: [] }]);
  expect(response.body).not.toContain('__SCHEMA__');
  const open = (await (await start('public')).inject('/api/openapi.json')).json();
  expect(open.paths['/api/sample'].get.security).toEqual([{}, { token: [] }]);
});

it('says of every route what it is for', async () => {
  const { paths } = (await (await start()).inject('/api/openapi.json')).json();
  for (const [path, methods] of Object.entries<Record<string, { summary?: string }>>(paths))
    for (const [method, { summary }] of Object.entries(methods))
      expect([method, path, summary]).toEqual([method, path, expect.stringMatching(/\S/)]);
});

it('has an index of links', async () => {
  const index = (await (await start()).inject('/api')).json();
  expect(index.openapi).toBe('/api/openapi.json');
  expect(index.routes).toContainEqual({ route: 'GET /api/sample', summary: 'A sample' });
});

it('is shown by a page whose every part is here, none of it inline', async () => {
  const app = await start();
  const page = await app.inject('/api/docs');
  expect(page.headers['content-type']).toContain('text/html');
  expect(page.headers['content-security-policy']).toContain("script-src 'self';");
  const links = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link!);
  expect(links).toHaveLength(4);
  for (const link of links) {
    const part = await app.inject(link);
    expect([link, part.statusCode]).toEqual([link, 200]);
    expect(part.rawPayload.length).toBeGreaterThan(100);
  }
  expect(page.body).not.toMatch(/<script>|<style| on\w+=|https?:/);
});
