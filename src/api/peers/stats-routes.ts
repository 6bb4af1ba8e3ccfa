/** How much was written, of everything or in a range of time. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Session } from '../../index/database/database.ts';
import type { LogChannel } from '../../index/queries/log-channels.ts';
import { countByUser, countMessages, type StatsRange } from '../../index/queries/log-stats.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { findChannel, findUser, type Naming } from './find-log.ts';
import { parseTimeRange } from './log-parameters.ts';
import { pathSchema, rangeQuery } from './log-schemas.ts';
import { notFound } from './peer-error.ts';
import { ask, CHANNEL_PATHS, pathPart, queryOf, setCaching, USER_PATHS } from './peer-request.ts';

const TOP_CHATTERS = 5;
/** Read so many more: some of them may have opted out. */
const SPARE_CHATTERS = 50;
const CONFIG = { scope: 'read', ignoresUnknown: true } as const;

function schema(path: string, summary: string) {
  return { tags: ['log viewers'], summary, params: pathSchema(path), querystring: rangeQuery };
}

export function registerStatsRoutes(app: ApiApp, context: ApiContext): void {
  for (const [channelPath, channelBy] of CHANNEL_PATHS) {
    app.get(
      `${channelPath}/stats`,
      {
        config: CONFIG,
        schema: schema(`${channelPath}/stats`, 'How much was written, and by whom most'),
      },
      (request, reply) =>
        answer(context, { request, reply, channelBy }, (session, channel, range) =>
          channelStats(context, session, channel, range),
        ),
    );
    for (const [userPath, userBy] of USER_PATHS) {
      app.get(
        `${channelPath}/${userPath}/stats`,
        { config: CONFIG, schema: schema(`${channelPath}/${userPath}/stats`, 'How much a user wrote') },
        (request, reply) =>
          answer(context, { request, reply, channelBy }, async (session, channel, range) => {
            const named = { by: userBy, text: pathPart(request, 'user') };
            const { known } = await findUser(session, context.privacy, channel.platform, named);
            if (!known) throw notFound();
            const query = { channelIds: channel.ids, range, userId: known.id, rowsMax: 1 };
            const [count] = await countByUser(session, query);
            return userStats(known.userKey, known.login, count?.messages ?? 0);
          }),
      );
    }
  }
}

function answer<T>(
  context: ApiContext,
  { request, reply, channelBy }: { request: FastifyRequest; reply: FastifyReply; channelBy: Naming },
  count: (session: Session, channel: LogChannel, range: StatsRange) => Promise<T>,
): Promise<T> {
  setCaching(reply, context, undefined);
  const range = parseTimeRange(queryOf(request), context.now(), context.config().http.range_max_days);
  return ask(context, request, async (session) => {
    const named = { by: channelBy, text: pathPart(request, 'channel') };
    const channel = await findChannel(session, context.privacy, named);
    if (channel.ids.length === 0) throw notFound();
    return count(session, channel, range);
  });
}

async function channelStats(
  { privacy }: ApiContext,
  session: Session,
  { ids: channelIds, platform }: LogChannel,
  range: StatsRange,
) {
  const rowsMax = TOP_CHATTERS + (privacy.isEmpty ? 0 : SPARE_CHATTERS);
  const chatters = await countByUser(session, { channelIds, range, rowsMax });
  return {
    messageCount: await countMessages(session, channelIds, range),
    topChatters: chatters
      .filter(({ userKey }) => !privacy.isUserOptedOut(platform, userKey))
      .slice(0, TOP_CHATTERS)
      .map(({ userKey, login, messages }) => userStats(userKey, login, messages)),
  };
}

function userStats(userKey: string, userLogin: string, messageCount: number) {
  return { userId: userKey.startsWith('~') ? '' : userKey, userLogin, messageCount };
}
