/**
 * Which index a page of messages is read along. Each source gives rows in the order of time without sorting more than a
 * page, however rare what is asked for may be: where an index is ordered by something else first (a channel, a user), it
 * is read once for each value, a page from each, and these are merged.
 */
import { sql } from 'kysely';
import {
  all,
  along,
  type Condition,
  ids,
  type Order,
  orderAlong,
  orderBy,
  type Position,
  type Prefix,
  type TimeRange,
  within,
} from './page.ts';

export type MessageSource =
  /** Everything. Index: messages_by_time. */
  | { by: 'time' }
  /** messages_by_channel. */
  | { by: 'channels'; channelIds: readonly number[] }
  /** In these channels, or in all. messages_by_user. */
  | { by: 'users'; userIds: readonly number[]; channelIds?: readonly number[] | undefined }
  /** messages_failed. */
  | { by: 'failed' }
  /** messages_commands. */
  | { by: 'command'; command: string }
  /** messages_media. */
  | { by: 'media'; channelIds: readonly number[] };

/** A source whose values are all known: {@link candidates} takes users only channel by channel. */
export type ResolvedSource =
  | Exclude<MessageSource, { by: 'users' }>
  | { by: 'pairs'; userIds: readonly number[]; channelIds: readonly number[] };

export interface Stretch {
  range: TimeRange;
  order: Order;
  /** Behind this place. */
  after: Position | undefined;
  rows: number;
}

/** The next so many rows of the source: `SELECT m.* ...`, in order. */
export function candidates(source: ResolvedSource, stretch: Stretch): Condition {
  const { range, order, after, rows } = stretch;
  const inTime = (conditions: Condition[]) =>
    sql`SELECT m.* FROM messages m WHERE ${all([...conditions, ...within(range, after, order, 'm')])}
      ${orderBy(order, 'm')} LIMIT ${rows}`;
  const each = (prefix: Prefix, conditions: Condition[] = []) =>
    sql`SELECT m.* FROM messages m WHERE ${all([...conditions, ...along(prefix, range, after, order, 'm')])}
      ${orderAlong(prefix, order, 'm')} LIMIT ${rows}`;
  const merged = (values: Condition, select: Condition) =>
    sql`SELECT m.* FROM ${values} CROSS JOIN LATERAL (${select}) m ${orderBy(order, 'm')} LIMIT ${rows}`;
  switch (source.by) {
    case 'time':
      return inTime([]);
    case 'failed':
      return inTime([FAILED]);
    case 'command':
      return merged(sql`(SELECT) s`, each(['command', sql`${source.command}::text`], [IS_COMMAND]));
    case 'channels':
    case 'media': {
      const prefix: Prefix = ['channel_id', sql`s.channel_id`];
      const channels = sql`unnest(${ids(source.channelIds)}) AS s (channel_id)`;
      return merged(channels, each(prefix, source.by === 'media' ? [HAS_MEDIA] : []));
    }
    case 'pairs': {
      const pairs = sql`unnest(${ids(source.userIds)}, ${ids(source.channelIds)}) AS s (user_id, channel_id)`;
      // No other index comes near the one that has all three: nothing has to be said in a way that leaves only it.
      return merged(pairs, inTime([sql`m.user_id = s.user_id`, sql`m.channel_id = s.channel_id`]));
    }
  }
}

/** As the partial index of the same name says it: otherwise the planner does not know that it may use it. */
export const FAILED = sql`(m.status = 'failed' OR m.command_status = 'failed')`;
export const HAS_MEDIA = sql`m.media IS NOT NULL`;
const IS_COMMAND = sql`m.command IS NOT NULL`;
