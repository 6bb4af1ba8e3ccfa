/** Channels: which there are, how they do, what was said in them. */
import { z } from 'zod';
import type { Session } from '../../index/database/database.ts';
import { plainText } from '../../index/database-text.ts';
import { activeUsers } from '../../index/queries/active-users.ts';
import { activity, channelTotals } from '../../index/queries/channel-activity.ts';
import { allChannels, type ChannelRow } from '../../index/queries/find-channels.ts';
import { resolveTime } from '../../lib/parse-time.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { notFound } from '../api-error.ts';
import { type ApiChannel, apiChannel, knownChannels } from '../known-channels.ts';
import {
  booleanParameter,
  channelParameter,
  closedRange,
  limitParameter,
  offsetParameter,
  pageSize,
  platformParameter,
  sinceParameter,
  untilParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { allowReuse } from '../reuse.ts';
import { channelsOf } from '../subjects.ts';
import { isUserVisible } from '../visibility.ts';
import { apiUser, toApiUser } from './users.ts';

const config = { scope: 'read' } as const;
const tags = ['channels'];
const DAY_MS = 86_400_000;
const HOURS_MAX_MS = 31 * DAY_MS;

export function registerChannelRoutes(app: ApiApp, context: ApiContext): void {
  registerList(app, context);
  registerChannel(app, context);
  registerStats(app, context);
}

function registerList(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'Channels, by platform and name',
    description: 'Those of the index and those of the configuration.',
    querystring: z.object({
      active: booleanParameter(
        'Only those that are joined or had a line within 24 hours; `false`: only the others.',
      ).optional(),
      platform: platformParameter.optional(),
      limit: limitParameter(1_000),
      offset: offsetParameter,
    }),
    response: {
      200: z.object({ channels: z.array(apiChannel), total: z.number().int(), hasMore: z.boolean() }),
    },
  };
  app.get('/api/channels', { config, schema }, async (request) => {
    const { active, platform, offset } = request.query;
    const limit = pageSize(request.query.limit, context.config().http);
    const known = await readIndex(context, request, async (session) =>
      knownChannels(context, session, await allChannels(session, undefined)),
    );
    const channels = known
      .filter((channel) => active === undefined || channel.active === active)
      .filter((channel) => platform === undefined || channel.platform === platform);
    return {
      channels: channels.slice(offset, offset + limit),
      total: channels.length,
      hasMore: offset + limit < channels.length,
    };
  });
}

/** A name that several platforms have means the one that was active last. Throws 404. */
async function demandChannel(
  context: ApiContext,
  session: Session,
  name: string,
  platform: string | undefined,
): Promise<{ row: ChannelRow; channel: ApiChannel }> {
  const rows = await channelsOf(session, context.privacy, name, platform);
  const known = await knownChannels(context, session, rows);
  const last = (row: ChannelRow) => channelOf(known, row)?.lastActive ?? '';
  const [row] = rows.toSorted((a, b) => (last(a) < last(b) ? 1 : last(a) > last(b) ? -1 : 0));
  const channel = row && channelOf(known, row);
  if (row && channel) return { row, channel };
  throw notFound('channel of this name in the index', 'GET /api/channels lists those that there are.');
}

function channelOf(known: readonly ApiChannel[], row: ChannelRow): ApiChannel | undefined {
  return known.find(
    ({ platform, name }) => platform === plainText(row.platform) && name === plainText(row.name),
  );
}

const params = z.object({ name: channelParameter });

function registerChannel(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'One channel',
    description:
      'With `#` as `%23` or without. Where several platforms have one of this name, the one that was active last is meant.',
    params,
    querystring: z.object({ platform: platformParameter.optional() }),
    response: {
      200: apiChannel.extend({
        totals: z.object({
          messages: z.number().int(),
          modActions: z.number().int(),
          others: z.number().int().describe('Lines of other kinds: joins, notices, ...'),
          firstDay: z.iso.date().nullable(),
          lastDay: z.iso.date().nullable(),
        }),
      }),
    },
  };
  app.get('/api/channels/:name', { config, schema }, async (request) =>
    readIndex(context, request, async (session) => {
      const { row, channel } = await demandChannel(
        context,
        session,
        request.params.name,
        request.query.platform,
      );
      const { messages, mod_actions, others, first_day, last_day } = await channelTotals(session, row.id);
      return {
        ...channel,
        totals: { messages, modActions: mod_actions, others, firstDay: first_day, lastDay: last_day },
      };
    }),
  );
}

const statsAnswer = z.object({
  platform: z.string(),
  channel: z.string(),
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  messages: z.number().int(),
  modActions: z.number().int(),
  others: z.number().int(),
  averageLength: z.number().describe('Of messages, in characters.'),
  activeUsers: z
    .number()
    .int()
    .nullable()
    .describe(
      'Different users with a message on the UTC days that the range touches; null where they are too many to be counted at once.',
    ),
  topUsers: z.array(apiUser.extend({ messages: z.number().int() })),
  per: z.enum(['hour', 'day']).describe('Hours for up to 31 days, else UTC days.'),
  activity: z
    .array(
      z.object({
        at: z.iso.datetime(),
        messages: z.number().int(),
        modActions: z.number().int(),
        others: z.number().int(),
      }),
    )
    .describe('Oldest first; what is empty is left out.'),
});

function registerStats(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'A channel in numbers',
    description:
      'The last 24 hours, unless `since` and `until` say otherwise; by whole hours (days), also those that the range only touches.',
    params,
    querystring: z.object({
      platform: platformParameter.optional(),
      since: sinceParameter.optional(),
      until: untilParameter.optional(),
      limit: limitParameter(10).describe('Users to name.'),
    }),
    response: { 200: statsAnswer },
  };
  app.get('/api/channels/:name/stats', { config, schema }, async (request, reply) => {
    const { http } = context.config();
    const { limit, platform, until } = request.query;
    const range = closedRange(request.query, { nowMs: context.now(), http, defaultMs: DAY_MS });
    const answer = await readIndex(context, request, async (session) => {
      const { row, channel } = await demandChannel(context, session, request.params.name, platform);
      const per = range.untilMs - range.sinceMs <= HOURS_MAX_MS ? ('hour' as const) : ('day' as const);
      const channelIds = [row.id];
      const buckets = await activity(session, { channelIds, ...range, per });
      const users = await activeUsers(session, { channelIds, ...range }, pageSize(limit, http));
      const sum = (of: 'messages' | 'mod_actions' | 'others' | 'chars') =>
        buckets.reduce((total, bucket) => total + bucket[of], 0);
      const messages = sum('messages');
      return {
        platform: channel.platform,
        channel: channel.name,
        since: new Date(range.sinceMs).toISOString(),
        until: new Date(range.untilMs).toISOString(),
        messages,
        modActions: sum('mod_actions'),
        others: sum('others'),
        averageLength: messages === 0 ? 0 : sum('chars') / messages,
        activeUsers: users?.count ?? null,
        topUsers: (users?.top ?? [])
          .filter((user) =>
            isUserVisible(context.privacy, plainText(user.platform), plainText(user.user_key)),
          )
          .map((user) => ({ ...toApiUser(user), messages: user.messages })),
        per,
        activity: buckets.map((bucket) => ({
          at: bucket.at.toISOString(),
          messages: bucket.messages,
          modActions: bucket.mod_actions,
          others: bucket.others,
        })),
      };
    });
    allowReuse(context, request, reply, until && resolveTime(until, context.now()));
    return answer;
  });
}
