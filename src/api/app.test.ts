import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { apiContext, type TestContextOptions } from '../../test/support/api-context.ts';
import type { Database } from '../index/database/database.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { ApiApp, Scope } from './api-context.ts';
import { createApiApp } from './app.ts';
import { hashToken, newToken } from './tokens/token-store.ts';

/** Knows tokens and nothing else. */
function databaseWith(tokens: Record<string, Scope>): { database: Database; asked: () => number } {
  let asked = 0;
  const read: Database['read'] = async () => {
    asked++;
    throw new Error('not a database');
  };
  void tokens;
  return { database: { read } as unknown as Database, asked: () => asked };
}

async function start(
  options: Partial<TestContextOptions> = {},
  register: (app: ApiApp) => void = () => {},
): Promise<ApiApp> {
  const { database } = databaseWith({});
  const app = await createApiApp(apiContext({ database, ...options }));
  app.get(
    '/api/echo',
    {
      config: { scope: 'read' },
      schema: {
        querystring: z.object({
          limit: z.coerce.number().int().min(1).max(1000).default(100),
          order: z.enum(['newest', 'oldest']).default('newest'),
          text: z.string().max(20).optional(),
        }),
      },
    },
    async ({ query }) => query,
  );
  register(app);
  onTestFinished(() => app.close());
  return app;
}

describe('a request', () => {
  it('gets its answer', async () => {
    const app = await start();
    const response = await app.inject('/api/echo?limit=5');
    expect(response.statusCode).toBe(200);
    expect(response.json()).toEqual({ limit: 5, order: 'newest' });
  });

  it.each([
    ['limit=0', 'limit', 'found "0", should be at least 1'],
    ['limit=x', 'limit', 'should be a number'],
    ['limit=1&limit=2', 'limit', 'should be given once'],
    ['order=newst', 'order', 'should be one of newest, oldest; did you mean "newest"?'],
    ['limt=5', 'limt', 'is not known here; did you mean "limit"?'],
    ['__proto__=1', '__proto__', 'is not known here'],
    ['text=a%00b', 'text', 'without NUL'],
    [`text=${'x'.repeat(21)}`, 'text', 'at most 20 characters'],
  ])('with %s is told which parameter is wrong, and what would be right', async (query, parameter, words) => {
    const app = await start();
    const response = await app.inject(`/api/echo?${query}`);
    expect(response.statusCode).toBe(400);
    const { error } = response.json();
    expect(error.code).toBe('invalid_parameters');
    expect(error.details).toEqual([{ parameter, message: expect.stringContaining(words) }]);
    expect(error.message).toContain(parameter);
  });

  it('to nowhere is told so in the same form', async () => {
    const app = await start();
    const response = await app.inject('/api/nowhere?x=1');
    expect(response.statusCode).toBe(404);
    expect(response.json()).toEqual({
      error: { code: 'not_found', message: 'there is no GET /api/nowhere', hint: expect.any(String) },
    });
  });
});
