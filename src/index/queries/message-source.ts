/**
 * Which index a page of messages is read along. Each source gives rows in the order of time without sorting more than a
 * page, however rare what is asked for may be: where an index is ordered by something else first (a channel, a user), it
 * is read once for each value, a page from each, and these are merged.
 */
import { sql } from 'kysely';
import {
  all,
  type Condition,
  ids,
  type Order,
  orderBy,
  type Position,
  type TimeRange,
  within,
} from './page.ts';

export type MessageSource =
  /** Everything. Index: messages_by_time. */
  | { by: 'time' }
  /** messages_by_channel. */
  | { by: 'channels'; channelIds: readonly number[] }
  /** Users in channels, pair by pair (`channels-of-users.ts`). messages_by_user. */
  | { by: 'users'; userIds: readonly number[]; channelIds: readonly number[] }
  /** messages_failed. */
  | { by: 'failed' }
  /** messages_commands. */
  | { by: 'command'; command: string }
  /** messages_media. */
  | { by: 'media'; channelIds: readonly number[] };

export interface Stretch {
  range: TimeRange;
  order: Order;
  /** Behind this place. */
  after: Position | undefined;
  rows: number;
}

/** The next so many rows of the source: `SELECT m.* ...`, in order. */
export function candidates(source: MessageSource, stretch: Stretch): Condition {
  const { range, order, after, rows } = stretch;
  const place = within(range, after, order, 'm');
  const select = (conditions: Condition[]) =>
    sql`SELECT m.* FROM messages m WHERE ${all([...conditions, ...place])} ${orderBy(order, 'm')} LIMIT ${rows}`;
  const merged = (each: Condition, conditions: Condition[]) =>
    sql`SELECT m.* FROM ${each} CROSS JOIN LATERAL (${select(conditions)}) m ${orderBy(order, 'm')} LIMIT ${rows}`;
  switch (source.by) {
    case 'time':
      return select([]);
    case 'failed':
      return select([FAILED]);
    case 'command':
      return select([sql`m.command = ${source.command}`]);
    case 'channels':
    case 'media': {
      const conditions = source.by === 'media' ? [HAS_MEDIA] : [];
      const [only, ...others] = source.channelIds;
      if (others.length === 0 && only !== undefined)
        return select([sql`m.channel_id = ${only}`, ...conditions]);
      return merged(sql`unnest(${ids(source.channelIds)}) AS s (channel_id)`, [
        sql`m.channel_id = s.channel_id`,
        ...conditions,
      ]);
    }
    case 'users':
      return merged(
        sql`unnest(${ids(source.userIds)}, ${ids(source.channelIds)}) AS s (user_id, channel_id)`,
        [sql`m.user_id = s.user_id`, sql`m.channel_id = s.channel_id`],
      );
  }
}

/** As the partial index of the same name says it: otherwise the planner does not know that it may use it. */
export const FAILED = sql`(m.status = 'failed' OR m.command_status = 'failed')`;
export const HAS_MEDIA = sql`m.media IS NOT NULL`;
