/** Moderation: who was removed, by whom, where. */
import { z } from 'zod';
import { plainText } from '../../index/database-text.ts';
import { MODERATION_TYPES } from '../../index/derive/moderation-types.ts';
import { typeName } from '../../index/event-numbers.ts';
import { modActionStats } from '../../index/queries/mod-action-stats.ts';
import { resolveTime } from '../../lib/parse-time.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { answerModActions, modActionsAnswer } from '../api-mod-action.ts';
import {
  channelParameter,
  closedRange,
  limitParameter,
  pageSize,
  platformParameter,
  sinceParameter,
  typesParameter,
  untilParameter,
  userParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { allowReuse } from '../reuse.ts';
import { findSubjects, idsOf } from '../subjects.ts';
import { isChannelVisible } from '../visibility.ts';
import { endOf, pageParameters } from './messages.ts';

const WEEK_MS = 7 * 86_400_000;
const DAY_MS = 86_400_000;

export const typeParameter = typesParameter(
  MODERATION_TYPES,
  'Kinds of actions, with commas between them; all when left out.',
);
const moderatorParameter = z
  .string()
  .min(1)
  .max(200)
  .meta({ description: 'Name of who did it, where the platform says it.', examples: ['bob'] });

const config = { scope: 'read' } as const;
const tags = ['moderation'];

const listQuery = z.object({
  type: typeParameter.optional(),
  channel: channelParameter.optional(),
  platform: platformParameter.optional(),
  moderator: moderatorParameter.optional(),
  target: userParameter.optional(),
  since: sinceParameter.optional(),
  until: untilParameter.optional(),
  ...pageParameters,
});

export function registerModActionRoutes(app: ApiApp, context: ApiContext): void {
  app.get(
    '/api/mod-actions',
    {
      config,
      schema: {
        tags,
        summary: 'Moderation, newest first',
        querystring: listQuery,
        response: { 200: modActionsAnswer },
      },
    },
    async (request, reply) => {
      const { target, ...question } = request.query;
      const answer = await readIndex(context, request, async (session) => {
        const subjects = await findSubjects(session, context.privacy, { ...question, user: target });
        const [channelIds, targetUserIds] = [idsOf(subjects.channels), idsOf(subjects.users)];
        return answerModActions(context, session, { ...question, channelIds, targetUserIds });
      });
      allowReuse(context, request, reply, endOf(question, context.now()));
      return answer;
    },
  );
  app.get(
    '/api/mod-actions/recent',
    {
      config,
      schema: {
        tags,
        summary: 'The moderation of the last 24 hours',
        querystring: listQuery.pick({ type: true, channel: true, platform: true, limit: true }),
        response: { 200: modActionsAnswer },
      },
    },
    async (request) =>
      readIndex(context, request, async (session) => {
        const subjects = await findSubjects(session, context.privacy, request.query);
        return answerModActions(context, session, {
          ...request.query,
          since: { agoMs: DAY_MS },
          order: 'newest',
          offset: 0,
          channelIds: idsOf(subjects.channels),
          targetUserIds: undefined,
        });
      }),
  );
  registerStats(app, context);
}

const statsAnswer = z.object({
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  total: z.number().int(),
  types: z.array(z.object({ type: z.enum(MODERATION_TYPES), count: z.number().int() })),
  channels: z
    .array(z.object({ platform: z.string(), channel: z.string(), count: z.number().int() }))
    .describe('Those with most.'),
  moderators: z
    .array(z.object({ moderator: z.string(), count: z.number().int() }))
    .describe('Those with most.'),
  days: z.array(z.object({ day: z.iso.date(), count: z.number().int() })).describe('UTC; oldest first.'),
});

function registerStats(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'Moderation counted',
    description: 'The last seven days, unless `since` and `until` say otherwise.',
    querystring: z.object({
      channel: channelParameter.optional(),
      platform: platformParameter.optional(),
      since: sinceParameter.optional(),
      until: untilParameter.optional(),
      limit: limitParameter(20),
    }),
    response: { 200: statsAnswer },
  };
  app.get('/api/mod-actions/stats', { config, schema }, async (request, reply) => {
    const { http } = context.config();
    const { limit, until } = request.query;
    const range = closedRange(request.query, { nowMs: context.now(), http, defaultMs: WEEK_MS });
    const stats = await readIndex(context, request, async (session) => {
      const channelIds = idsOf((await findSubjects(session, context.privacy, request.query)).channels);
      return modActionStats(session, {
        ...range,
        ...(channelIds && { channelIds }),
        limit: pageSize(limit, http),
      });
    });
    allowReuse(context, request, reply, until && resolveTime(until, context.now()));
    return {
      since: new Date(range.sinceMs).toISOString(),
      until: new Date(range.untilMs).toISOString(),
      total: stats.types.reduce((sum, { count }) => sum + count, 0),
      types: stats.types.map(({ type, count }) => ({
        type: typeName(type) as (typeof MODERATION_TYPES)[number],
        count,
      })),
      channels: stats.channels
        .map(({ platform, channel, count }) => ({
          platform: plainText(platform),
          channel: plainText(channel),
          count,
        }))
        .filter(({ platform, channel }) => isChannelVisible(context.privacy, platform, channel)),
      moderators: stats.moderators.map(({ moderator, count }) => ({
        moderator: plainText(moderator),
        count,
      })),
      days: stats.days,
    };
  });
}
