/** What one user did: messages, moderation, sessions, numbers. */
import { z } from 'zod';
import type { Session } from '../../index/database/database.ts';
import { plainText } from '../../index/database-text.ts';
import { MODERATION_TYPES } from '../../index/derive/moderation-types.ts';
import { typeName } from '../../index/event-numbers.ts';
import { userSessions } from '../../index/queries/user-sessions.ts';
import { userDays, userModeration, userSessionTotals } from '../../index/queries/user-stats.ts';
import { answerMessages, messagesAnswer } from '../answer-messages.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { answerModActions, modActionsAnswer } from '../api-mod-action.ts';
import { invalidCursor, isCount, isTime, packCursor, unpackCursor } from '../cursor.ts';
import {
  booleanParameter,
  channelParameter,
  closedRange,
  LINE_TYPES,
  openRange,
  pageSize,
  platformParameter,
  sinceParameter,
  typesParameter,
  untilParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { allowReuse } from '../reuse.ts';
import { channelsOf, idsOf } from '../subjects.ts';
import { isChannelVisible } from '../visibility.ts';
import { endOf, pageParameters } from './messages.ts';
import { typeParameter } from './mod-actions.ts';
import { apiUser, demandUser, toApiUser, userParams } from './users.ts';

const config = { scope: 'read' } as const;
const tags = ['users'];
const MONTH_MS = 30 * 86_400_000;

const where = {
  channel: channelParameter.optional(),
  platform: platformParameter.optional(),
  since: sinceParameter.optional(),
  until: untilParameter.optional(),
};

export function registerUserActivityRoutes(app: ApiApp, context: ApiContext): void {
  registerMessages(app, context);
  registerModActions(app, context);
  registerSessions(app, context);
  registerStats(app, context);
}

function registerMessages(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'A user’s messages, newest first',
    description: 'As `/api/messages?user=`, of the one user whom the name means.',
    params: userParams,
    querystring: z.object({
      ...where,
      type: typesParameter(LINE_TYPES, 'Kinds of lines, with commas between them, or `all`.').optional(),
      search: z.string().min(1).max(200).optional().describe('Words as in a web search.'),
      includeDeleted: booleanParameter('Also what moderators removed.').optional(),
      ...pageParameters,
    }),
    response: { 200: messagesAnswer },
  };
  app.get('/api/users/:username/messages', { config, schema }, async (request, reply) => {
    const { query, params } = request;
    const answer = await readIndex(context, request, async (session) => {
      const { user } = await demandUser(context, session, params.username, query.platform);
      return answerMessages(context, session, {
        ...query,
        platform: user.platform,
        user: `id:${user.user_key}`,
      });
    });
    allowReuse(context, request, reply, endOf(query, context.now()));
    return answer;
  });
}

function registerModActions(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'The moderation that a user received, newest first',
    params: userParams,
    querystring: z.object({ ...where, type: typeParameter.optional(), ...pageParameters }),
    response: { 200: modActionsAnswer },
  };
  app.get('/api/users/:username/mod-actions', { config, schema }, async (request) => {
    const { query, params } = request;
    return readIndex(context, request, async (session) => {
      const { user } = await demandUser(context, session, params.username, query.platform);
      const channelIds = await channelsIn(context, session, query.channel, user.platform);
      return answerModActions(context, session, { ...query, channelIds, targetUserIds: [user.id] });
    });
  });
}

const sessionsAnswer = z.object({
  sessions: z.array(
    z.object({
      platform: z.string(),
      channel: z.string(),
      joined: z.iso.datetime(),
      left: z.iso.datetime(),
      durationSeconds: z.number(),
      messages: z.number().int(),
      joinSeen: z.boolean().describe('A join began it; else the first activity did.'),
      partSeen: z.boolean().describe('A part ended it; else the last activity did.'),
    }),
  ),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
});

function registerSessions(app: ApiApp, context: ApiContext): void {
  const { order: _, ...page } = pageParameters;
  const schema = {
    tags,
    summary: 'When a user was there, newest first',
    description:
      'From joins and parts where the platform tells them, else from activity. `since` and `until` are about the beginning.',
    params: userParams,
    querystring: z.object({ ...where, ...page }),
    response: { 200: sessionsAnswer },
  };
  app.get('/api/users/:username/sessions', { config, schema }, async (request) => {
    const { query, params } = request;
    const { http } = context.config();
    const limit = pageSize(query.limit, http);
    const range = openRange(query, { nowMs: context.now(), http });
    const after = query.cursor === undefined ? undefined : decodeSession(query.cursor);
    return readIndex(context, request, async (session) => {
      const { user } = await demandUser(context, session, params.username, query.platform);
      const channelIds = await channelsIn(context, session, query.channel, user.platform);
      const rows = await userSessions(session, {
        userId: user.id,
        ...(channelIds && { channelIds }),
        range,
        after,
        offset: query.offset,
        limit,
      });
      const found = rows.slice(0, limit);
      const last = rows.length > limit ? found.at(-1) : undefined;
      return {
        sessions: found
          .map((row) => ({
            platform: plainText(row.platform),
            channel: plainText(row.channel),
            joined: row.joined_at.toISOString(),
            left: row.left_at.toISOString(),
            durationSeconds: (row.left_at.getTime() - row.joined_at.getTime()) / 1_000,
            messages: row.messages,
            joinSeen: row.has_join,
            partSeen: row.has_part,
          }))
          .filter(({ platform, channel }) => isChannelVisible(context.privacy, platform, channel)),
        hasMore: last !== undefined,
        nextCursor: last ? packCursor([last.joined_at.getTime(), last.channel_id]) : null,
      };
    });
  });
}

function decodeSession(cursor: string): { joinedMs: number; channelId: number } {
  const [joinedMs, channelId] = unpackCursor(cursor);
  if (!isTime(joinedMs) || !isCount(channelId) || channelId > 2_147_483_647) throw invalidCursor();
  return { joinedMs, channelId };
}

const statsAnswer = z.object({
  user: apiUser,
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  messages: z.number().int(),
  averageLength: z.number(),
  daysActive: z.number().int(),
  sessions: z.number().int(),
  secondsPresent: z.number().describe('Of the sessions together.'),
  moderation: z.array(z.object({ type: z.enum(MODERATION_TYPES), count: z.number().int() })),
  days: z
    .array(z.object({ day: z.iso.date(), messages: z.number().int() }))
    .describe('UTC days with a message, oldest first.'),
});

function registerStats(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'A user’s activity in numbers',
    description:
      'The last 30 days, unless `since` and `until` say otherwise. Messages are counted by whole UTC days.',
    params: userParams,
    querystring: z.object(where),
    response: { 200: statsAnswer },
  };
  app.get('/api/users/:username/stats', { config, schema }, async (request) => {
    const { query, params } = request;
    const { http } = context.config();
    const range = closedRange(query, { nowMs: context.now(), http, defaultMs: MONTH_MS });
    return readIndex(context, request, async (session) => {
      const { user } = await demandUser(context, session, params.username, query.platform);
      const channelIds = await channelsIn(context, session, query.channel, user.platform);
      const question = { userId: user.id, ...range, ...(channelIds && { channelIds }) };
      const days = await userDays(session, question);
      const moderation = await userModeration(session, question);
      const { sessions, seconds } = await userSessionTotals(session, question);
      const messages = days.reduce((sum, day) => sum + day.messages, 0);
      const chars = days.reduce((sum, day) => sum + day.chars, 0);
      return {
        user: toApiUser(user),
        since: new Date(range.sinceMs).toISOString(),
        until: new Date(range.untilMs).toISOString(),
        messages,
        averageLength: messages === 0 ? 0 : chars / messages,
        daysActive: days.length,
        sessions,
        secondsPresent: seconds,
        moderation: [...moderation].map(([type, count]) => ({
          type: typeName(type) as (typeof MODERATION_TYPES)[number],
          count,
        })),
        days: days.map((row) => ({ day: row.day, messages: row.messages })),
      };
    });
  });
}

async function channelsIn(
  { privacy }: ApiContext,
  session: Session,
  channel: string | undefined,
  platform: string,
): Promise<number[] | undefined> {
  return channel === undefined ? undefined : idsOf(await channelsOf(session, privacy, channel, platform));
}
