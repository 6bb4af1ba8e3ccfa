/** A page of messages: which index answers the question, how many there are in all, and what of it may be served. */
import { z } from 'zod';
import type { Config } from '../config/schema.ts';
import type { EventType } from '../event.ts';
import type { Session } from '../index/database/database.ts';
import { typeNumber } from '../index/event-numbers.ts';
import { countOfChannels, countOfUsers } from '../index/queries/count-lines.ts';
import { estimateRows } from '../index/queries/estimate-rows.ts';
import { allChannels } from '../index/queries/find-channels.ts';
import { everyMatch, type MessageFilter } from '../index/queries/message-filter.ts';
import type { MessageSource } from '../index/queries/message-source.ts';
import type { Order, Position } from '../index/queries/page.ts';
import { type MessagePage, scanMessages } from '../index/queries/scan-messages.ts';
import { searchMessages } from '../index/queries/search-messages.ts';
import type { WrittenTime } from '../lib/parse-time.ts';
import type { ApiContext } from './api-context.ts';
import { apiMessage, toApiMessages } from './api-message.ts';
import { decodeCursor, encodeCursor, type Tally } from './cursor.ts';
import { closedRange, openRange, pageSize } from './parameters.ts';
import { demandWords } from './search-words.ts';
import { findSubjects, idsOf, type Names } from './subjects.ts';

/** What people read; the rest is asked for by `type`. */
export const MESSAGE_TYPES: readonly EventType[] = ['message', 'notice', 'media', 'poll', 'private'];

/** Clocks differ a little; months to come are not looked into for nothing. */
const AHEAD_MS = 10 * 60_000;
const DAY_MS = 86_400_000;
/** With more channels than this all rows are read in the order of time, rather than channel by channel. */
const CHANNELS_MERGED_MAX = 5;

export interface MessageQuestion extends Names {
  /** {@link MESSAGE_TYPES} when left out. */
  type?: EventType[] | 'all' | undefined;
  since?: WrittenTime | undefined;
  until?: WrittenTime | undefined;
  /** Words as in a web search. */
  search?: string | undefined;
  includeDeleted?: boolean | undefined;
  direction?: 'incoming' | 'outgoing' | undefined;
  context?: 'group' | 'private' | undefined;
  badge?: string | undefined;
  command?: string | undefined;
  failed?: boolean | undefined;
  media?: boolean | undefined;
  order: Order;
  limit: number;
  offset: number;
  cursor?: string | undefined;
}

export const messagesAnswer = z.object({
  messages: z.array(apiMessage),
  total: z.number().int().describe('Of all pages.'),
  totalIsEstimate: z
    .boolean()
    .describe('Whether `total` is by statistics. It is exact where all pages up to the last have been read.'),
  hasMore: z
    .boolean()
    .describe(
      'There may be more behind `nextCursor`. A page can hold fewer than `limit` and still have more behind it, where little of what was looked through matched.',
    ),
  nextCursor: z.string().nullable(),
  source: z
    .enum(['archive', 'archive, index'])
    .optional()
    .describe(
      'Where some of it was read from the archive, since it is older than the index: those messages do not say what was removed or edited later.',
    ),
});
export type MessagesAnswer = z.infer<typeof messagesAnswer>;

interface Plan {
  source: MessageSource;
  filter: MessageFilter;
  /** Nothing but channels, users and time was asked for: the statistics know how many there are. */
  isPlain: boolean;
}

export async function answerMessages(
  { config, now, privacy }: Pick<ApiContext, 'config' | 'now' | 'privacy'>,
  session: Session,
  question: MessageQuestion,
): Promise<MessagesAnswer> {
  const { http } = config();
  const subjects = await findSubjects(session, privacy, question);
  const channelIds = idsOf(subjects.channels);
  const userIds = idsOf(subjects.users);
  if (channelIds?.length === 0 || userIds?.length === 0) return EMPTY;
  const plan = await planOf(session, question, { channelIds, userIds });
  const cursor = question.cursor === undefined ? undefined : decodeCursor(question.cursor);
  const page = await readPage(session, question, plan, { nowMs: now(), http, after: cursor });
  const before = (cursor?.tally?.seen ?? 0) + question.offset;
  const seen = before + page.rows.length;
  const isAll = !page.next && (page.rows.length > 0 || question.offset === 0) && (!cursor || cursor.tally);
  const tally: Tally = isAll
    ? { seen, total: seen, isEstimate: false }
    : {
        seen,
        total: Math.max(cursor?.tally?.total ?? (await page.estimate()), seen + (page.next ? 1 : 0)),
        isEstimate: true,
      };
  return {
    messages: toApiMessages(privacy, page.rows),
    total: tally.total,
    totalIsEstimate: tally.isEstimate,
    hasMore: page.next !== undefined,
    nextCursor: page.next ? encodeCursor(page.next, tally) : null,
  };
}

const EMPTY: MessagesAnswer = {
  messages: [],
  total: 0,
  totalIsEstimate: false,
  hasMore: false,
  nextCursor: null,
};

interface Bounds {
  nowMs: number;
  http: Config['http'];
  after: Position | undefined;
}

async function readPage(
  session: Session,
  question: MessageQuestion,
  { source, filter, isPlain }: Plan,
  bounds: Bounds,
): Promise<MessagePage & { estimate: () => Promise<number> }> {
  const { order, offset, search } = question;
  const { after } = bounds;
  const limit = pageSize(question.limit, bounds.http);
  if (search !== undefined) {
    const range = closedRange(question, { ...bounds, defaultMs: bounds.http.range_max_days * DAY_MS });
    const found = await searchMessages(session, {
      words: demandWords('search', search),
      filter,
      range,
      order,
      after,
      offset,
      limit,
    });
    return { ...found, estimate: async () => found.estimate };
  }
  const range = { untilMs: bounds.nowMs + AHEAD_MS, ...openRange(question, bounds) };
  const page = await scanMessages(session, { source, filter, range, order, after, offset, limit });
  const estimate = async () => {
    const byStatistics = () => estimateRows(session, everyMatch(filter, range));
    if (!isPlain) return byStatistics();
    if (source.by !== 'users') return countOfChannels(session, filter.channelIds, range);
    return (await countOfUsers(session, source.userIds, source.channelIds, range)) ?? byStatistics();
  };
  return { ...page, estimate };
}

async function planOf(
  session: Session,
  question: MessageQuestion,
  { channelIds, userIds }: { channelIds: number[] | undefined; userIds: number[] | undefined },
): Promise<Plan> {
  const { type = MESSAGE_TYPES, includeDeleted = false, direction, context, badge, failed, media } = question;
  const command = question.command?.replace(/^[!/]/, '').toLowerCase();
  const filter: MessageFilter = {
    includeDeleted,
    ...(type !== 'all' && { types: type.map(typeNumber) }),
    ...(direction && { direction }),
    ...(context && { context }),
    ...(badge !== undefined && { badge }),
    ...(command !== undefined && { command }),
    ...(failed && { failed }),
    ...(media && { media }),
    ...(channelIds && { channelIds }),
    ...(userIds && { userIds }),
  };
  const isPlain = !(question.type || direction || context || badge || command || failed || media);
  const source = async (): Promise<MessageSource> => {
    if (userIds) return { by: 'users', userIds, channelIds };
    if (failed) return { by: 'failed' };
    if (command !== undefined) return { by: 'command', command };
    if (media)
      return { by: 'media', channelIds: channelIds ?? idsOf(await allChannels(session, undefined))! };
    if (channelIds && channelIds.length <= CHANNELS_MERGED_MAX) return { by: 'channels', channelIds };
    return { by: 'time' };
  };
  return { source: await source(), filter, isPlain };
}
