/** Users: who there is, and what each of them did. */
import { z } from 'zod';
import type { Session } from '../../index/database/database.ts';
import { plainText } from '../../index/database-text.ts';
import type { UserRow } from '../../index/queries/find-users.ts';
import {
  hasTrigramIndex,
  SUBSTRING_CHARS_MIN,
  usersByPrefix,
  usersBySubstring,
} from '../../index/queries/search-users.ts';
import { userChannels, userNames, userTotals } from '../../index/queries/user-profile.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { notFound } from '../api-error.ts';
import { invalidCursor, isCount, packCursor, unpackCursor } from '../cursor.ts';
import { limitParameter, pageSize, platformParameter, userParameter } from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { usersOf } from '../subjects.ts';
import { isChannelVisible, isUserVisible } from '../visibility.ts';

const time = z.iso.datetime();

export const apiUser = z.object({
  platform: z.string(),
  userId: z.string().describe('The platform’s id; empty where it gives none.'),
  username: z.string().describe('The current name.'),
  displayName: z.string(),
});
export type ApiUser = z.infer<typeof apiUser>;

export function toApiUser(row: Pick<UserRow, 'platform' | 'user_key' | 'login' | 'display_name'>): ApiUser {
  const key = plainText(row.user_key);
  const username = plainText(row.login ?? key.replace(/^~/, ''));
  return {
    platform: plainText(row.platform),
    userId: key.startsWith('~') ? '' : key,
    username,
    displayName: plainText(row.display_name || username),
  };
}

export const userParams = z.object({ username: userParameter });

/** The latest owner of the name, and the others. Throws 404. */
export async function demandUser(
  { privacy }: Pick<ApiContext, 'privacy'>,
  session: Session,
  username: string,
  platform: string | undefined,
): Promise<{ user: UserRow; others: UserRow[] }> {
  const [user, ...others] = await usersOf(session, privacy, username, platform);
  if (user) return { user, others };
  throw notFound('user of this name', 'GET /api/users?search= finds users by a part of a name.');
}

const config = { scope: 'read' } as const;
const tags = ['users'];

export function registerUserRoutes(app: ApiApp, context: ApiContext): void {
  registerSearch(app, context);
  registerProfile(app, context);
}

const searchAnswer = z.object({
  users: z.array(
    apiUser.extend({ matched: z.string().describe('The name that was found, current or not.') }),
  ),
  matching: z
    .enum(['prefix', 'substring'])
    .describe('Whether names that contain the text elsewhere than at their beginning are found too.'),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
});

function registerSearch(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'Users by a part of a name',
    description: `Names that begin so first. From ${SUBSTRING_CHARS_MIN} characters on, and where the database has the extension pg_trgm, names that contain the text elsewhere too, on the last page.`,
    querystring: z.object({
      search: z
        .string()
        .max(200)
        .default('')
        .meta({ description: 'Upper and lower case alike; empty: everybody, by name.', examples: ['ann'] }),
      platform: platformParameter.optional(),
      limit: limitParameter(50),
      cursor: z.string().min(1).max(1_000).optional().describe('`nextCursor` of the page before.'),
    }),
    response: { 200: searchAnswer },
  };
  app.get('/api/users', { config, schema }, async (request) => {
    const { platform, cursor } = request.query;
    const text = request.query.search.toLowerCase();
    const limit = pageSize(request.query.limit, context.config().http);
    const after = cursor === undefined ? undefined : decodeName(cursor);
    return readIndex(context, request, async (session) => {
      const names = await usersByPrefix(session, { text, platform, after, limit: limit + 1 });
      const page = names.slice(0, limit);
      const last = names.length > limit ? page.at(-1) : undefined;
      const isSubstring = text.length >= SUBSTRING_CHARS_MIN && (await hasTrigramIndex(session));
      if (isSubstring && !last)
        page.push(...(await usersBySubstring(session, { text, platform, limit: limit - page.length })));
      const seen = new Set<number>();
      const users = page.filter(({ user_id }) => !seen.has(user_id) && seen.add(user_id));
      return {
        users: users
          .filter((row) => isUserVisible(context.privacy, plainText(row.platform), plainText(row.user_key)))
          .map((row) => ({ ...toApiUser(row), matched: plainText(row.found) })),
        matching: isSubstring ? ('substring' as const) : ('prefix' as const),
        hasMore: last !== undefined,
        nextCursor: last ? packCursor([last.found, last.user_id]) : null,
      };
    });
  });
}

function decodeName(cursor: string): { login: string; userId: number } {
  const [login, userId] = unpackCursor(cursor);
  if (typeof login !== 'string' || login.includes('\0') || !isCount(userId) || userId > 2_147_483_647)
    throw invalidCursor();
  return { login: login.toWellFormed(), userId };
}

const CHANNELS_MAX = 50;

const profileAnswer = z.object({
  user: apiUser,
  messages: z.number().int().describe('In the index.'),
  averageLength: z.number().describe('Of its messages, in characters.'),
  daysActive: z.number().int().describe('UTC days with a message.'),
  firstSeen: time.nullable(),
  lastSeen: time.nullable(),
  channels: z
    .array(
      z.object({ platform: z.string(), channel: z.string(), messages: z.number().int(), lastSeen: time }),
    )
    .describe(`Most messages first, ${CHANNELS_MAX} at most.`),
  names: z
    .array(
      z.object({
        username: z.string(),
        displayName: z.string(),
        messages: z.number().int(),
        firstSeen: time.nullable(),
        lastSeen: time.nullable(),
      }),
    )
    .describe('The latest first. One of which the index holds no message any more has no times.'),
  otherOwners: z
    .array(apiUser.extend({ lastUsed: time.nullable() }))
    .describe('Others who have, or had, the name that was asked for: here and on other platforms.'),
});

function registerProfile(app: ApiApp, context: ApiContext): void {
  const schema = {
    tags,
    summary: 'A user: names, channels, numbers',
    description:
      'A name can have had several owners: the one who used it last is meant, and the others are named. `id:123` asks by the platform’s id.',
    params: userParams,
    querystring: z.object({ platform: platformParameter.optional() }),
    response: { 200: profileAnswer },
  };
  app.get('/api/users/:username', { config, schema }, async (request) =>
    readIndex(context, request, async (session) => {
      const { user, others } = await demandUser(
        context,
        session,
        request.params.username,
        request.query.platform,
      );
      const totals = await userTotals(session, user.id);
      const channels = await userChannels(session, user.id, CHANNELS_MAX);
      const names = await userNames(session, user.id);
      return {
        user: toApiUser(user),
        messages: totals.messages,
        averageLength: totals.messages === 0 ? 0 : totals.chars / totals.messages,
        daysActive: totals.days,
        firstSeen: iso(totals.first_at),
        lastSeen: iso(totals.last_at),
        channels: channels
          .map(({ platform, channel, messages, last_at }) => ({
            platform: plainText(platform),
            channel: plainText(channel),
            messages,
            lastSeen: last_at.toISOString(),
          }))
          .filter(({ platform, channel }) => isChannelVisible(context.privacy, platform, channel)),
        names: names.map(({ login, display_name, messages, first_at, last_at }) => ({
          username: plainText(login),
          displayName: plainText(display_name || login),
          messages,
          firstSeen: iso(first_at),
          lastSeen: iso(last_at),
        })),
        otherOwners: others.map((other) => ({ ...toApiUser(other), lastUsed: iso(other.used_at) })),
      };
    }),
  );
}

function iso(time: Date | null): string | null {
  return time?.toISOString() ?? null;
}
