/** Indexing on request: for admins, and for `chatlog index` beside a running instance. */
import { z } from 'zod';
import type { IndexJob } from '../../index/index-job.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { ApiError, invalidParameter } from '../api-error.ts';

const time = z.iso.datetime({ offset: true });
const count = z.number().int();

export const indexRequestBody = z.strictObject({
  rebuild: z
    .boolean()
    .default(false)
    .describe('Empty the index first. Tokens, decisions and what pipelines kept stay'),
  force: z
    .boolean()
    .default(false)
    .describe('With `rebuild`: also where days past their retention have not been through maintenance'),
  from: time.optional().describe('Only segments of this time and later'),
  to: time.optional().describe('Only segments that begin at this time at the latest'),
  platform: z.string().min(1).max(64).optional(),
  channel: z.string().min(1).max(500).optional(),
});
export type IndexRequestBody = z.input<typeof indexRequestBody>;

const progress = z.object({
  lines: count.describe('Read'),
  inserted: count.describe('Rows that were new'),
  rejected: count.describe('Lines that are none of the record format'),
  segments: count.describe('Objects in storage that were looked at'),
  bytes: count.describe('Their size as stored'),
  loaded: count.describe('Of these objects: those that were not in the index'),
  failed: count.describe('Of these objects: those that cannot be indexed; the log says why'),
  waitingFiles: count.describe('Local files to go'),
  refusedFiles: count.describe('Local files that cannot be indexed; the log says why'),
  total: z.object({ segments: count, bytes: count }).optional().describe('Objects to look at, once counted'),
});

const job = z.object({
  state: z.enum(['running', 'done', 'failed']),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  error: z.string().nullable(),
  progress: progress.nullable(),
});
export type IndexJobAnswer = z.output<typeof job>;

const config = { scope: 'admin' } as const;
const tags = ['index'];

export function registerAdminIndexRoutes(app: ApiApp, { index }: ApiContext): void {
  app.post(
    '/api/admin/index',
    {
      config,
      schema: {
        tags,
        summary: 'Index what is missing, or everything anew',
        description: 'Goes on in the background, one at a time; ask for its progress with GET.',
        body: indexRequestBody,
        response: { 202: job },
      },
    },
    async ({ body }, reply) => {
      const { rebuild, force, from, to, platform, channel } = body;
      const fromMs = from === undefined ? undefined : Date.parse(from);
      const toMs = to === undefined ? undefined : Date.parse(to);
      if (fromMs !== undefined && toMs !== undefined && toMs < fromMs)
        throw invalidParameter('to', 'should not be before "from"');
      if (!index) throw noIndex();
      if (index.last?.state === 'running')
        throw new ApiError(409, 'index_busy', 'indexing is under way already', { retryAfterSeconds: 10 });
      return reply.code(202).send(answerOf(index.start({ rebuild, force, fromMs, toMs, platform, channel })));
    },
  );
  app.get(
    '/api/admin/index',
    {
      config,
      schema: {
        tags,
        summary: 'The indexing that was last asked for',
        response: { 200: z.object({ job: job.nullable() }) },
      },
    },
    async () => {
      if (!index) throw noIndex();
      return { job: index.last ? answerOf(index.last) : null };
    },
  );
}

function noIndex(): ApiError {
  return new ApiError(409, 'index_off', 'this instance keeps no index', {
    hint: 'Set "index.enabled: true" or a "database_url".',
  });
}

function answerOf({ state, startedMs, endedMs, error, progress: done }: IndexJob): IndexJobAnswer {
  return {
    state,
    startedAt: new Date(startedMs).toISOString(),
    endedAt: endedMs === undefined ? null : new Date(endedMs).toISOString(),
    error: error ?? null,
    progress: done ?? null,
  };
}
