/** Messages: pages of them, one with what belongs to it, and by words. */
import { z } from 'zod';
import { isUuid, messageKey } from '../../index/message-key.ts';
import { knownPlatforms } from '../../index/queries/find-channels.ts';
import { messagesByKeys } from '../../index/queries/messages-by-key.ts';
import { resolveTime } from '../../lib/parse-time.ts';
import { answerMessages, MESSAGE_TYPES, messagesAnswer } from '../answer-messages.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { notFound } from '../api-error.ts';
import { servedMessage } from '../api-message.ts';
import { answerBeyondIndex } from '../beyond-index.ts';
import { decodeCursor } from '../cursor.ts';
import { describeMessage, messageDetail } from '../message-detail.ts';
import {
  booleanParameter,
  channelParameter,
  cursorParameter,
  LINE_TYPES,
  limitParameter,
  offsetParameter,
  orderParameter,
  platformParameter,
  type RangeParameters,
  sinceParameter,
  typesParameter,
  untilParameter,
  userParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { allowReuse } from '../reuse.ts';

const typeParameter = typesParameter(
  LINE_TYPES,
  `Kinds of lines, with commas between them, or \`all\`; when left out ${MESSAGE_TYPES.join(', ')}.`,
);

const where = {
  channel: channelParameter.optional(),
  platform: platformParameter.optional(),
  user: userParameter.optional(),
  since: sinceParameter.optional(),
  until: untilParameter.optional(),
  includeDeleted: booleanParameter('Also what moderators removed; each says by whom and when.').optional(),
};

export const pageParameters = {
  order: orderParameter,
  limit: limitParameter(50),
  offset: offsetParameter,
  cursor: cursorParameter.optional(),
};

const messagesQuery = z.object({
  ...where,
  type: typeParameter.optional(),
  search: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({
      description:
        'Words as in a web search: all of them, `"a phrase"`, `or`, `-without`. Without `since` the last `http.range_max_days` are searched.',
      examples: ['good "first time" -bot'],
    }),
  direction: z
    .enum(['incoming', 'outgoing'])
    .optional()
    .describe('`outgoing`: what the recording account said itself.'),
  context: z.enum(['group', 'private']).optional().describe('Said to a channel, or to one person.'),
  badge: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'A badge as the platform names it, with its version.', examples: ['vip/1'] }),
  command: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'Name of a bot or admin command, with or without `!`.', examples: ['uptime'] }),
  ...pageParameters,
});

const someQuery = z.object({ ...where, type: typeParameter.optional(), ...pageParameters });

const config = { scope: 'read' } as const;
/** Pages of one channel go on there. */
const pagesConfig = { ...config, readsArchive: true } as const;
const tags = ['messages'];

export function registerMessageRoutes(app: ApiApp, context: ApiContext): void {
  const routes = [
    {
      url: '/api/messages',
      summary: 'Messages, newest first',
      description:
        'Of a channel, a user, both, or everything. Pages are fetched with `cursor`; new lines that come meanwhile move nothing. Of one channel the pages go on in the archive where the index ends.',
      querystring: messagesQuery,
      only: {},
    },
    {
      url: '/api/messages/failed',
      summary: 'Messages and commands that failed',
      description: 'Those whose latest delivery status, or whose command’s status, is `failed`.',
      querystring: someQuery,
      only: { failed: true, type: 'all' as const },
    },
    {
      url: '/api/messages/media',
      summary: 'Messages with pictures, videos, files or links to them',
      description: 'Whatever the platform says is an attachment.',
      querystring: someQuery,
      only: { media: true, type: 'all' as const },
    },
  ];
  for (const { url, summary, description, querystring, only } of routes) {
    app.get(
      url,
      {
        config: pagesConfig,
        schema: { tags, summary, description, querystring, response: { 200: messagesAnswer } },
      },
      async (request, reply) => {
        const question = { ...only, ...(request.query as z.output<typeof messagesQuery>) };
        const answer = await answerBeyondIndex(context, { request, reply }, question, (asked) =>
          readIndex(context, request, (session) => answerMessages(context, session, asked)),
        );
        allowReuse(context, request, reply, endOf(question, context.now()));
        return answer;
      },
    );
  }
  registerMessage(app, context);
}

/** The time after which nothing can come into this page; undefined: there is none. */
export function endOf(
  { order, cursor, until }: RangeParameters & { order: string; cursor?: string | undefined },
  nowMs: number,
): number | undefined {
  if (order === 'newest' && cursor !== undefined) return decodeCursor(cursor).tsMs;
  return until && 'atMs' in until ? resolveTime(until, nowMs) : undefined;
}

function registerMessage(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'One message and what belongs to it',
    description:
      'Its thread, edits, delivery, and what was said around it. Where several platforms have a message of this id, the latest is meant.',
    params: z.object({
      id: z
        .string()
        .min(1)
        .max(300)
        .meta({
          description: 'The platform’s id, or the `key`.',
          examples: ['b34ccfc7-4977-403a-8a94-33c6bac34fb8'],
        }),
    }),
    querystring: z.object({
      platform: platformParameter.optional(),
      context: z.coerce
        .number()
        .int()
        .min(0)
        .max(100)
        .default(10)
        .describe('Messages of the channel before and after it, so many of each.'),
    }),
    response: { 200: messageDetail },
  };
  app.get('/api/messages/:id', { config, schema }, async (request) => {
    const { id } = request.params;
    const { platform, context: around } = request.query;
    return readIndex(context, request, async (session) => {
      const platforms = platform === undefined ? await knownPlatforms(session) : [platform];
      const keys = isUuid(id) ? [id] : platforms.map((each) => messageKey(each, id));
      const rows = await messagesByKeys(session, keys);
      const [found] = rows
        .filter((row) => platform === undefined || row.platform === platform)
        .sort((a, b) => b.ts.getTime() - a.ts.getTime())
        .flatMap((row) => {
          const message = servedMessage(context.privacy, row);
          return message ? [{ row, message }] : [];
        });
      if (!found)
        throw notFound('message with this id', 'It may be older than its channel is kept in the index.');
      return describeMessage(context, session, found, around);
    });
  });
}
