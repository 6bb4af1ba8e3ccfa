/** What there is: channels, days with logs, names. */

import { z } from 'zod';
import type { Named } from '../../archive-query/log-reader.ts';
import { allLogChannels, type LogChannel } from '../../index/queries/log-channels.ts';
import { daysOfChannel, monthsOfUser } from '../../index/queries/log-days.ts';
import { nameHistory, userByIdAnywhere } from '../../index/queries/log-users.ts';
import { formatTimestamp } from '../../lib/timestamp.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { findChannel, findUser } from './find-log.ts';
import { lastValue, type Query } from './log-parameters.ts';
import { listQuery } from './log-schemas.ts';
import { invalidParam, notFound, optedOut } from './peer-error.ts';
import { ask, pathPart, queryOf, setCaching } from './peer-request.ts';

export const CAPABILITIES = ['arbitrary-range-query', 'search', 'stats', 'namehistory'] as const;

const LIST_MAX_AGE_SECONDS = 600;
const CONFIG = { scope: 'read', ignoresUnknown: true } as const;

export function registerListRoutes(app: ApiApp, context: ApiContext): void {
  const schema = (summary: string) => ({ tags: ['log viewers'], summary });
  app.get(
    '/channels',
    { config: CONFIG, schema: schema('Channels that have logs') },
    async (request, reply) => {
      const channels = await ask(context, request, allLogChannels);
      setCaching(reply, context, LIST_MAX_AGE_SECONDS);
      return { channels: channels.filter((channel) => isShown(context, channel)).map(channelEntry) };
    },
  );
  app.get(
    '/list',
    {
      config: CONFIG,
      schema: { ...schema('Days with logs of a channel, or months of a user in it'), querystring: listQuery },
    },
    async (request, reply) => {
      const availableLogs = await ask(context, request, async (session) => {
        const { channel: channelName, user: userName } = listedOf(queryOf(request));
        const channel = await findChannel(session, context.privacy, channelName);
        if (!userName) return daysOfChannel(session, channel.ids);
        const user = await findUser(session, context.privacy, channel.platform, userName);
        return user.id === undefined ? [] : monthsOfUser(session, user.id, channel.ids);
      });
      if (availableLogs.length === 0) throw notFound();
      setCaching(reply, context, LIST_MAX_AGE_SECONDS);
      return { availableLogs: availableLogs.map(dateEntry) };
    },
  );
  app.get(
    '/namehistory/:user',
    {
      config: CONFIG,
      schema: {
        ...schema('Names that a user had'),
        params: z.object({ user: z.string().describe('The platform’s id of the user.') }),
      },
    },
    async (request, reply) => {
      const { privacy } = context;
      const id = pathPart(request, 'user');
      if (privacy.isUserOptedOut('twitch', id)) throw optedOut('user');
      const names = await ask(context, request, async (session) => {
        const user = await userByIdAnywhere(session, id);
        if (user && privacy.isUserOptedOut(user.platform, user.userKey)) throw optedOut('user');
        return user ? nameHistory(session, user.id) : [];
      });
      setCaching(reply, context, undefined);
      return names.map(({ login, firstMs, lastMs }) => ({
        user_login: login,
        last_timestamp: formatTimestamp(lastMs),
        first_timestamp: formatTimestamp(firstMs),
      }));
    },
  );
  app.get(
    '/capabilities',
    { config: { scope: 'public', ignoresUnknown: true }, schema: schema('What this API can do') },
    async () => CAPABILITIES,
  );
}

function isShown({ privacy }: ApiContext, { platform, names }: LogChannel): boolean {
  return !names.some((name) => name === '*' || privacy.isChannelOptedOut(platform, name));
}

function channelEntry({ platformId, name }: LogChannel): { userID: string; name: string } {
  return { userID: platformId, name };
}

/** `2026-01-31` or `2026-01`: as texts, without leading zeros. */
function dateEntry(date: string): { year: string; month: string; day?: string } {
  const [year, month, day] = date.split('-').map((part) => String(Number(part)));
  return { year: year!, month: month!, ...(day !== undefined && { day }) };
}

function listedOf(query: Query): { channel: Named; user: Named | undefined } {
  const channel = named(query, 'channel', 'channelid');
  if (!channel) throw invalidParam('channel or channelid is missing');
  return { channel, user: named(query, 'user', 'userid') };
}

function named(query: Query, nameKey: string, idKey: string): Named | undefined {
  const id = lastValue(query, idKey);
  if (id) return { by: 'id', text: id };
  const name = lastValue(query, nameKey);
  return name ? { by: 'name', text: name } : undefined;
}
