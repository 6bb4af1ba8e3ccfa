/** What a page of messages leaves out. Checked row by row along an index, or by the index of texts (`search-messages.ts`). */
import { sql } from 'kysely';
import { FLAG } from '../database/tables.ts';
import { FAILED, HAS_MEDIA } from './message-source.ts';
import { all, type Condition, type TimeRange, within } from './page.ts';

export interface MessageFilter {
  /** Numbers of `messages.type`; all when left out. */
  types?: readonly number[];
  /** Also what was removed. */
  includeDeleted: boolean;
  direction?: 'incoming' | 'outgoing';
  context?: 'group' | 'private';
  /** `vip/1`. */
  badge?: string;
  command?: string;
  /** Ids; what is not in these channels, not of these users. */
  channelIds?: readonly number[];
  userIds?: readonly number[];
  failed?: boolean;
  media?: boolean;
  /** Words as in a web search. */
  words?: string;
}

export function filterConditions(filter: MessageFilter): Condition[] {
  const conditions: Condition[] = [];
  const { types, direction, context, badge, command, channelIds, userIds, words } = filter;
  if (!filter.includeDeleted) conditions.push(sql`m.deleted_at IS NULL`);
  if (types) conditions.push(sql`m.type = ANY (${[...types]}::smallint[])`);
  if (direction) conditions.push(flag(FLAG.outgoing, direction === 'outgoing'));
  if (context) conditions.push(flag(FLAG.private, context === 'private'));
  if (channelIds) conditions.push(sql`m.channel_id = ANY (${[...channelIds]}::int[])`);
  if (userIds) conditions.push(sql`m.user_id = ANY (${[...userIds]}::int[])`);
  if (command !== undefined) conditions.push(sql`m.command = ${command}`);
  if (filter.failed) conditions.push(FAILED);
  if (filter.media) conditions.push(HAS_MEDIA);
  if (badge !== undefined) conditions.push(hasBadge(badge));
  if (words !== undefined) conditions.push(containsWords(words));
  return conditions;
}

function flag(bit: number, isSet: boolean): Condition {
  return isSet ? sql`m.flags & ${bit}::int <> 0` : sql`m.flags & ${bit}::int = 0`;
}

/** Index: templates_by_content, by which badges of many rows are found in few. */
function hasBadge(badge: string): Condition {
  const content = JSON.stringify({ badges: [badge] });
  return sql`m.template_id IN (SELECT t.id FROM templates t WHERE t.content::jsonb @> ${content}::jsonb)`;
}

export function containsWords(words: string): Condition {
  return sql`to_tsvector('simple', m.text) @@ websearch_to_tsquery('simple', ${words})`;
}

/** All messages of a question without its order, for counting. */
export function everyMatch(filter: MessageFilter, range: TimeRange): Condition {
  return sql`SELECT 1 FROM messages m WHERE ${all([...filterConditions(filter), ...within(range, undefined, 'newest', 'm')])}`;
}
