/** `/api/stats`: everything at a glance. */
import { z } from 'zod';
import { plainText } from '../../index/database-text.ts';
import { activeUsers } from '../../index/queries/active-users.ts';
import { activity, topChannels } from '../../index/queries/channel-activity.ts';
import { gapTotals } from '../../index/queries/gap-page.ts';
import { indexTotals } from '../../index/queries/index-totals.ts';
import { ledgerTotals } from '../../index/queries/segment-page.ts';
import { resolveTime } from '../../lib/parse-time.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { closedRange, limitParameter, pageSize, sinceParameter, untilParameter } from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { allowReuse } from '../reuse.ts';
import { channelsOf } from '../subjects.ts';
import { isChannelVisible, isUserVisible } from '../visibility.ts';
import { apiUser, toApiUser } from './users.ts';

const DAY_MS = 86_400_000;
const HOURS_MAX_MS = 31 * DAY_MS;

const statsAnswer = z.object({
  totals: z
    .object({
      messages: z.number().int(),
      modActions: z.number().int(),
      others: z.number().int(),
      channels: z.number().int(),
      users: z.number().int(),
      usersIsEstimate: z.boolean(),
    })
    .describe('Of all time, also of what the index no longer holds.'),
  since: z.iso.datetime(),
  until: z.iso.datetime(),
  topChannels: z.array(
    z.object({
      platform: z.string(),
      channel: z.string(),
      messages: z.number().int(),
      modActions: z.number().int(),
    }),
  ),
  activeUsers: z.number().int().nullable().describe('Null where they are too many to be counted at once.'),
  topUsers: z
    .array(apiUser.extend({ messages: z.number().int() }))
    .describe('By the UTC days that the range touches; empty where they are too many.'),
  per: z.enum(['hour', 'day']),
  activity: z.array(
    z.object({
      at: z.iso.datetime(),
      messages: z.number().int(),
      modActions: z.number().int(),
      others: z.number().int(),
    }),
  ),
  archive: z
    .object({
      store: z.string(),
      since: z.iso.datetime(),
      segments: z.number().int(),
      stored: z.number().int().describe('Of them in storage, as far as the index has seen.'),
      storedBytes: z.number().int(),
      linesIndexed: z.number().int(),
      linesRejected: z.number().int(),
      incomplete: z.number().int().describe('Not read to their end: still growing, or about to be read.'),
      lastIndexed: z.iso.datetime().nullable(),
    })
    .describe('Of the segments that begin in the range, in the last 31 days of it at most.'),
  gaps: z
    .object({ count: z.number().int(), seconds: z.number(), dropped: z.number().int() })
    .describe('That began in the range.'),
});

export function registerStatsRoutes(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags: ['statistics'],
    summary: 'Everything at a glance',
    description:
      'Totals of all time; the rest of the last 24 hours, unless `since` and `until` say otherwise.',
    querystring: z.object({
      since: sinceParameter.optional(),
      until: untilParameter.optional(),
      limit: limitParameter(10).describe('Channels and users to name.'),
    }),
    response: { 200: statsAnswer },
  };
  app.get('/api/stats', { config: { scope: 'read' }, schema }, async (request, reply) => {
    const { http } = context.config();
    const { privacy } = context;
    const range = closedRange(request.query, { nowMs: context.now(), http, defaultMs: DAY_MS });
    const limit = pageSize(request.query.limit, http);
    const per = range.untilMs - range.sinceMs <= HOURS_MAX_MS ? ('hour' as const) : ('day' as const);
    const archiveSinceMs = Math.max(range.sinceMs, range.untilMs - HOURS_MAX_MS);
    const found = await readIndex(context, request, async (session) => {
      const channels = await channelsOf(session, privacy, undefined, undefined);
      const names = channels.map((row) => ({ platform: plainText(row.platform), name: plainText(row.name) }));
      return {
        totals: await indexTotals(session),
        top: await topChannels(session, { ...range, limit }),
        users: await activeUsers(session, { channelIds: channels.map(({ id }) => id), ...range }, limit),
        buckets: await activity(session, { ...range, per }),
        ledger: await ledgerTotals(session, {
          channels: names,
          sinceMs: archiveSinceMs,
          untilMs: range.untilMs,
        }),
        gaps: await gapTotals(session, range),
      };
    });
    const { totals, top, users, buckets, ledger, gaps } = found;
    allowReuse(
      context,
      request,
      reply,
      request.query.until && resolveTime(request.query.until, context.now()),
    );
    return {
      totals: {
        messages: totals.messages,
        modActions: totals.mod_actions,
        others: totals.others,
        channels: totals.channels,
        users: totals.users,
        usersIsEstimate: totals.users_is_estimate,
      },
      since: new Date(range.sinceMs).toISOString(),
      until: new Date(range.untilMs).toISOString(),
      topChannels: top
        .map((row) => ({
          platform: plainText(row.platform),
          channel: plainText(row.channel),
          messages: row.messages,
          modActions: row.mod_actions,
        }))
        .filter(({ platform, channel }) => isChannelVisible(privacy, platform, channel)),
      activeUsers: users?.count ?? null,
      topUsers: (users?.top ?? [])
        .filter((user) => isUserVisible(privacy, plainText(user.platform), plainText(user.user_key)))
        .map((user) => ({ ...toApiUser(user), messages: user.messages })),
      per,
      activity: buckets.map(({ at, messages, mod_actions, others }) => ({
        at: at.toISOString(),
        messages,
        modActions: mod_actions,
        others,
      })),
      archive: {
        store: context.store.name,
        since: new Date(archiveSinceMs).toISOString(),
        segments: ledger.segments,
        stored: ledger.stored,
        storedBytes: ledger.stored_bytes,
        linesIndexed: ledger.lines,
        linesRejected: ledger.rejected,
        incomplete: ledger.incomplete,
        lastIndexed: ledger.last_loaded_at?.toISOString() ?? null,
      },
      gaps,
    };
  });
}
