/** What people ask for about themselves: to be no longer recorded, to be forgotten, to have one message removed. */
import { z } from 'zod';
import { ChatlogError } from '../../lib/errors.ts';
import type { ForgetJob, Optout, OptoutSubject, PrivacyDesk } from '../../privacy/privacy-desk.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { ApiError, invalidParameter } from '../api-error.ts';

const platform = z.string().min(1).max(64).default('twitch').describe('twitch, or irc-<network>');
const user = z
  .string()
  .min(1)
  .max(200)
  .describe('A name; an id as `id:12345`, where it could be taken for a name');
const channel = z.string().min(1).max(400);
const subject = z.strictObject({ platform, user: user.optional(), channel: channel.optional() });

const optout = z.object({
  platform: z.string(),
  channel: z.string().optional(),
  hash: z
    .string()
    .optional()
    .describe('SHA-256 of platform, NUL and user id: nothing else is kept of who opted out'),
  since: z.iso.datetime(),
  by: z.string().describe('Name of the token, `command`, or `self`'),
});
const optoutAnswer = z.object({ id: z.string(), timestamp: z.iso.datetime() });

const count = z.number().int();
const report = z.object({
  objectsSeen: count,
  objectsChanged: count,
  files: count.describe('Files of the recorder’s disk'),
  linesRemoved: count,
  linesBlanked: count.describe('Lines of others in which they were named or quoted'),
  rows: count.describe('Messages in the index'),
  changed: z
    .array(z.object({ name: z.string(), removed: count, blanked: count }))
    .describe('The first thousand of the objects and files that are concerned'),
  unreadable: z.array(z.string()).describe('Objects that are damaged: nobody can tell what they hold'),
});
const forgetJob = z.object({
  id: z.string(),
  state: z.enum(['searching', 'waiting', 'running', 'done', 'failed']),
  phase: z.enum(['files', 'objects', 'exports', 'index']).optional(),
  dryRun: z.boolean(),
  person: z.object({ platform: z.string(), userKey: z.string(), names: z.array(z.string()) }).optional(),
  report: report.optional(),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }).optional(),
});
export type ForgetJobAnswer = z.output<typeof forgetJob>;

const config = { scope: 'admin' } as const;
const tags = ['privacy'];

export function registerPrivacyRoutes(app: ApiApp, context: ApiContext): void {
  registerOptouts(app, context);
  registerForget(app, context);
  registerDeletion(app, context);
}

function registerOptouts(app: ApiApp, context: ApiContext): void {
  app.get(
    '/api/admin/optouts',
    {
      config,
      schema: {
        tags,
        summary: 'Users and channels that are neither recorded nor served',
        response: { 200: z.object({ optouts: z.array(optout) }) },
      },
    },
    async (): Promise<{ optouts: Optout[] }> => ({ optouts: deskOf(context).optouts() }),
  );
  app.post(
    '/api/admin/optouts',
    {
      config,
      schema: {
        tags,
        summary: 'Opt a user or a channel out',
        description:
          'Takes effect at once here, and within a minute everywhere. What was recorded stays, unserved: see forget.',
        body: subject,
        response: { 201: optoutAnswer },
      },
    },
    async ({ body, caller, signal }, reply) => {
      const by = caller?.name ?? '';
      const made = await explainedAsync(() => deskOf(context).setOptout(subjectOf(body), true, by, signal));
      return reply.code(201).send({ id: made.id, timestamp: made.timestamp });
    },
  );
  app.delete(
    '/api/admin/optouts',
    {
      config,
      schema: { tags, summary: 'Undo an opt-out', querystring: subject, response: { 200: optoutAnswer } },
    },
    async ({ query, caller, signal }) => {
      const by = caller?.name ?? '';
      const made = await explainedAsync(() => deskOf(context).setOptout(subjectOf(query), false, by, signal));
      return { id: made.id, timestamp: made.timestamp };
    },
  );
}

function registerForget(app: ApiApp, context: ApiContext): void {
  app.post(
    '/api/admin/forget',
    {
      config,
      schema: {
        tags,
        summary: 'Forget a person',
        description:
          'Removes their lines, those about them, and their names in the lines of others, from index, files, objects and exports. ' +
          'Goes on in the background, also after a restart; ask how far it is with GET.',
        body: z.strictObject({
          platform,
          user,
          dryRun: z.boolean().default(false).describe('Only say what would change'),
          optOut: z.boolean().default(false).describe('Nor record them from now on'),
        }),
        response: { 202: forgetJob },
      },
    },
    async ({ body, caller }, reply) => {
      // It outlives the request.
      const { signal } = new AbortController();
      const job = await explainedAsync(async () => deskOf(context).forget(body, caller?.name ?? '', signal));
      return reply.code(202).send(answerOf(job));
    },
  );
  app.get(
    '/api/admin/forget/:id',
    {
      config,
      schema: {
        tags,
        summary: 'How far forgetting somebody is',
        params: z.object({ id: z.string().min(1).max(64) }),
        response: { 200: forgetJob },
      },
    },
    async ({ params }) => {
      const job = deskOf(context).job(params.id);
      if (job) return answerOf(job);
      throw new ApiError(404, 'job_unknown', 'this process does not know of it', {
        hint: 'Since a restart? What was begun goes on by itself; asking again for the same finds what is left.',
      });
    },
  );
}

function registerDeletion(app: ApiApp, context: ApiContext): void {
  app.delete(
    '/api/messages/:id',
    {
      config,
      schema: {
        tags: ['messages'],
        summary: 'Delete a message',
        description:
          'Marks it as deleted, by whom and when. `hard=true` removes it for good, from index, files and objects, with what quotes it; that goes on in the background.',
        params: z.object({ id: z.string().min(1).max(300).describe('Its key, or the platform’s id') }),
        querystring: z.strictObject({ platform, hard: z.enum(['true', 'false']).default('false') }),
        response: { 200: optoutAnswer },
      },
    },
    async ({ params: { id }, query, caller, signal }) => {
      const message = { platform: query.platform, id, isHard: query.hard === 'true' };
      const by = caller?.name ?? '';
      const made = await explainedAsync(() => deskOf(context).deleteMessage(message, by, signal));
      return { id: made.id, timestamp: made.timestamp };
    },
  );
}

function deskOf({ privacyDesk }: ApiContext): PrivacyDesk {
  if (privacyDesk) return privacyDesk;
  throw new ApiError(409, 'not_recording', 'this process does not record', {
    hint: 'Ask the instance that does ("chatlog run").',
  });
}

function subjectOf({ platform, user, channel }: z.output<typeof subject>): OptoutSubject {
  if (user !== undefined && channel === undefined) return { platform, user };
  if (channel !== undefined && user === undefined) return { platform, channel };
  throw invalidParameter('user', 'should be given, or "channel", and not both');
}

function answerOf({ phase, person, report, error, ...job }: ForgetJob): ForgetJobAnswer {
  return {
    ...job,
    ...(phase !== undefined && { phase }),
    ...(person && { person }),
    ...(report && { report }),
    ...(error && { error }),
  };
}

const STATUS: Readonly<Record<string, number>> = {
  person_unknown: 404,
  message_unknown: 404,
  person_ambiguous: 409,
  forget_busy: 429,
};

function explainedAsync<T>(work: () => Promise<T>): Promise<T> {
  return work().catch((error: unknown) => {
    throw explain(error);
  });
}

function explain(error: unknown): unknown {
  const status = error instanceof ChatlogError ? STATUS[error.code] : undefined;
  if (status === undefined) return error;
  const { code, message, hint } = error as ChatlogError;
  return new ApiError(status, code, message, {
    ...(hint !== undefined && { hint }),
    ...(status === 503 && { retryAfterSeconds: 60 }),
    cause: error,
  });
}
