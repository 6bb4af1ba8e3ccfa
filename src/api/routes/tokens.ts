/** Tokens by HTTP: for admins, and for `chatlog token` beside a running instance. */
import { z } from 'zod';
import type { ApiApp, ApiContext } from '../api-context.ts';

import {
  createToken,
  listTokens,
  revokeToken,
  TOKEN_NAME_MAX,
  type TokenInfo,
} from '../tokens/token-store.ts';

const scope = z.enum(['read', 'export', 'admin']).describe('What it allows; each includes those before it');
const tokenAnswer = z.object({
  id: z.string(),
  name: z.string(),
  scope,
  createdAt: z.string(),
  lastUsedAt: z.string().nullable().describe('To within five minutes'),
  revokedAt: z.string().nullable(),
});
export type TokenAnswer = z.output<typeof tokenAnswer>;

export const tokenName = z
  .string()
  .max(TOKEN_NAME_MAX)
  .regex(/^[\p{L}\p{N}\p{P}\p{S} ]*$/u, 'should be a text of one line');

const config = { scope: 'admin' } as const;
const tags = ['tokens'];

export function registerTokenRoutes(app: ApiApp, context: ApiContext): void {
  const { database } = context;
  app.get(
    '/api/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'Tokens, the newest first',
        response: { 200: z.object({ tokens: z.array(tokenAnswer) }) },
      },
    },
    async () => ({ tokens: (await listTokens(database)).map(tokenAnswerOf) }),
  );
  app.post(
    '/api/tokens',
    {
      config,
      schema: {
        tags,
        summary: 'Make a token',
        description: 'The answer is the only place where it ever stands.',
        body: z.strictObject({ scope, name: tokenName.default('') }),
        response: { 201: tokenAnswer.extend({ token: z.string() }) },
      },
    },
    async ({ body }, reply) => {
      const { info, token } = await createToken(database, body);
      return reply.code(201).send({ ...tokenAnswerOf(info), token });
    },
  );
  app.delete(
    '/api/tokens/:id',
    {
      config,
      schema: {
        tags,
        summary: 'Revoke a token',
        description: 'By its id, or by its name where only one in force has it.',
        params: z.object({ id: z.string().min(1).max(TOKEN_NAME_MAX) }),
        response: { 200: tokenAnswer },
      },
    },
    async ({ params }) => {
      const info = await revokeToken(database, params.id, context.now());
      app.forgetTokens();
      return tokenAnswerOf(info);
    },
  );
}

export function tokenAnswerOf({
  id,
  name,
  scope: allowed,
  createdAt,
  lastUsedAt,
  revokedAt,
}: TokenInfo): TokenAnswer {
  return {
    id,
    name,
    scope: allowed,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}
