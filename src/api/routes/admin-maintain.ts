/** Maintenance by HTTP: for admins, and for `chatlog maintain` beside a running instance. */
import { z } from 'zod';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { ApiError } from '../api-error.ts';

const pipelineState = z.enum(['pending', 'running', 'done', 'failed', 'dead']);
const report = z.object({
  dryRun: z.boolean(),
  startedAt: z.string(),
  finishedAt: z.string(),
  partitionsCreated: z.array(z.string()).describe('Months, as 2026-11'),
  partitionsDropped: z.array(z.string()),
  removed: z
    .array(z.object({ platform: z.string(), channel: z.string(), from: z.string(), to: z.string() }))
    .describe('Days that went, or would go; both ends inclusive'),
  rows: z
    .record(z.string(), z.number())
    .describe('By table; not those of partitions that were dropped whole'),
  waiting: z.array(
    z.object({
      platform: z.string(),
      channel: z.string(),
      day: z.string(),
      reason: z.string(),
      overdue: z.boolean(),
      pipelines: z.array(
        z.object({
          name: z.string(),
          state: pipelineState,
          error: z.string().optional(),
          nextAttemptAt: z.string().optional(),
        }),
      ),
    }),
  ),
  waitingTotal: z.number(),
  overdue: z.number(),
  dead: z.number().describe('Runs that wait for "retry"'),
  nextAttemptAt: z.string().nullable(),
  objects: z.object({
    removed: z.number(),
    bytes: z.number(),
    waiting: z.number(),
    keys: z.array(z.string()),
  }),
});

export function registerMaintainRoute(app: ApiApp, { maintenance }: ApiContext): void {
  app.post(
    '/api/admin/maintain',
    {
      config: { scope: 'admin' },
      schema: {
        tags: ['maintenance'],
        summary: 'Maintain the index now',
        description:
          'Runs pipelines over what retention has passed, removes what they are done with, and answers when it is finished, which can take long. 409 while another one runs.',
        body: z.strictObject({
          dryRun: z.boolean().default(false).describe('Change nothing; say what would go and why what waits'),
          retry: z.boolean().default(false).describe('Take up what failed, dead letters too'),
        }),
        response: { 200: report },
      },
    },
    async ({ body }) => {
      if (!maintenance)
        throw new ApiError(409, 'no_index_here', 'this process does not maintain the index', {
          hint: 'Run "chatlog maintain" where the index role runs.',
        });
      return maintenance.maintain(body);
    },
  );
}
