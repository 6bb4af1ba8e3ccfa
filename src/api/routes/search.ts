/** `/api/messages/search`: words, best first. */
import { z } from 'zod';
import type { Session } from '../../index/database/database.ts';
import { typeNumber } from '../../index/event-numbers.ts';
import { messagesAt } from '../../index/queries/messages-by-key.ts';
import { positionOf } from '../../index/queries/scan-messages.ts';
import { rankMessages } from '../../index/queries/search-messages.ts';
import { answerMessages, MESSAGE_TYPES } from '../answer-messages.ts';
import type { ApiApp, ApiContext } from '../api-context.ts';
import { apiMessage, toApiMessages } from '../api-message.ts';
import { invalidCursor, isCount, isTime, packCursor, unpackCursor } from '../cursor.ts';
import {
  booleanParameter,
  channelParameter,
  closedRange,
  cursorParameter,
  LINE_TYPES,
  limitParameter,
  offsetParameter,
  pageSize,
  platformParameter,
  sinceParameter,
  typesParameter,
  untilParameter,
  userParameter,
} from '../parameters.ts';
import { readIndex } from '../read-index.ts';
import { demandWords, highlights } from '../search-words.ts';
import { findSubjects, idsOf } from '../subjects.ts';

/** Of so many of the newest messages that match, the best are found: common words would match millions. */
const RANKED_MAX = 300;
const DAY_MS = 86_400_000;

const searchQuery = z.object({
  q: z
    .string()
    .min(1)
    .max(200)
    .meta({
      description:
        'Words as in a web search: all of them, `"a phrase"`, `or`, `-without`. Upper and lower case are alike; words are taken as they stand.',
      examples: ['"first time" chat -bot'],
    }),
  channel: channelParameter.optional(),
  platform: platformParameter.optional(),
  user: userParameter.optional(),
  type: typesParameter(LINE_TYPES, 'Kinds of lines, with commas between them.').optional(),
  since: sinceParameter.optional(),
  until: untilParameter.optional(),
  includeDeleted: booleanParameter('Also what moderators removed.').optional(),
  sort: z
    .enum(['rank', 'newest', 'oldest'])
    .default('rank')
    .describe(`\`rank\`: of the newest ${RANKED_MAX} that match the best first, and of equals the newer.`),
  limit: limitParameter(25),
  offset: offsetParameter,
  cursor: cursorParameter.optional(),
});
type SearchQuery = z.output<typeof searchQuery>;

const searchAnswer = z.object({
  messages: z.array(
    apiMessage.extend({
      rank: z.number().optional().describe('Of PostgreSQL’s ts_rank; with `sort=rank` only.'),
      highlights: z
        .array(z.array(z.number().int()))
        .describe('Where the words stand in `text`: [start, end) in UTF-16 units.'),
    }),
  ),
  total: z.number().int(),
  totalIsEstimate: z.boolean(),
  hasMore: z.boolean(),
  nextCursor: z.string().nullable(),
});
type SearchAnswer = z.infer<typeof searchAnswer>;

export function registerSearchRoutes(app: ApiApp, context: ApiContext): void {
  app.get(
    '/api/messages/search',
    {
      config: { scope: 'read' },
      schema: {
        tags: ['messages'],
        summary: 'Messages that contain words, best first',
        description: 'Over the last `http.range_max_days` unless `since` and `until` say otherwise.',
        querystring: searchQuery,
        response: { 200: searchAnswer },
      },
    },
    async (request) =>
      readIndex(context, request, (session) =>
        request.query.sort === 'rank'
          ? ranked(context, session, request.query)
          : inTime(context, session, request.query, request.query.sort),
      ),
  );
}

async function inTime(
  context: ApiContext,
  session: Session,
  { q, ...query }: SearchQuery,
  order: 'newest' | 'oldest',
): Promise<SearchAnswer> {
  const search = demandWords('q', q);
  const { messages, ...rest } = await answerMessages(context, session, { ...query, search, order });
  return {
    messages: messages.map((message) => ({ ...message, highlights: highlights(message.text, q) })),
    ...rest,
  };
}

async function ranked(context: ApiContext, session: Session, query: SearchQuery): Promise<SearchAnswer> {
  const { http } = context.config();
  const words = demandWords('q', query.q);
  const limit = pageSize(query.limit, http);
  const at = query.cursor === undefined ? undefined : decodeRanked(query.cursor);
  const range = closedRange(query, { nowMs: context.now(), http, defaultMs: http.range_max_days * DAY_MS });
  // The pages of one search are of the same messages, whatever comes meanwhile.
  const untilMs = at?.untilMs ?? range.untilMs;
  const subjects = await findSubjects(session, context.privacy, query);
  const [channelIds, userIds] = [idsOf(subjects.channels), idsOf(subjects.users)];
  if (channelIds?.length === 0 || userIds?.length === 0)
    return { messages: [], total: 0, totalIsEstimate: false, hasMore: false, nextCursor: null };
  const { type = MESSAGE_TYPES } = query;
  const found = await rankMessages(session, {
    words,
    filter: {
      includeDeleted: query.includeDeleted ?? false,
      ...(type !== 'all' && { types: type.map(typeNumber) }),
      ...(channelIds && { channelIds }),
      ...(userIds && { userIds }),
    },
    range: { sinceMs: Math.min(range.sinceMs, untilMs), untilMs },
    limit: RANKED_MAX,
  });
  const begin = (at?.offset ?? 0) + query.offset;
  const end = begin + limit;
  const page = found.rows.slice(begin, end);
  const rows = await messagesAt(session, page.map(positionOf));
  const ranks = new Map(page.map(({ key, rank }) => [key, rank]));
  const isWhole = found.next === undefined;
  return {
    messages: toApiMessages(context.privacy, rows).map((message) => ({
      ...message,
      rank: ranks.get(message.key),
      highlights: highlights(message.text, query.q),
    })),
    total: isWhole ? found.rows.length : Math.max(found.estimate, found.rows.length + 1),
    totalIsEstimate: !isWhole,
    hasMore: end < found.rows.length,
    nextCursor: end < found.rows.length ? packCursor(['rank', untilMs, end]) : null,
  };
}

function decodeRanked(cursor: string): { untilMs: number; offset: number } {
  const [kind, untilMs, offset] = unpackCursor(cursor);
  if (kind !== 'rank' || !isTime(untilMs) || !isCount(offset) || offset > RANKED_MAX) throw invalidCursor();
  return { untilMs, offset };
}
