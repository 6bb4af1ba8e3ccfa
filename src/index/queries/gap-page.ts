/** What was not recorded, newest or oldest first. Indexes: gaps' key by channel, gaps_by_time. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import {
  all,
  type Condition,
  ids,
  type Order,
  orderBy,
  type Position,
  type TimeRange,
  time,
  within,
} from './page.ts';

export interface GapRow {
  ts: Date;
  until: Date;
  key: string;
  platform: string;
  channel: string;
  reason: string;
  backfill: string;
  filled: number;
  dropped: number;
}

export interface GapQuery {
  /** All where left out. */
  channelIds?: readonly number[];
  /** Of the beginning. */
  range: TimeRange;
  order: Order;
  after?: Position | undefined;
  offset: number;
  limit: number;
}

/** One more than the limit where there is one. */
export async function gapPage(session: Session, query: GapQuery): Promise<GapRow[]> {
  const { channelIds, range, order, after, offset, limit } = query;
  const rowsMax = offset + limit + 1;
  const select = (conditions: Condition[]) =>
    sql`SELECT g.* FROM gaps g WHERE ${all([...conditions, ...within(range, after, order, 'g')])}
      ${orderBy(order, 'g')} LIMIT ${rowsMax}`;
  const found = channelIds
    ? sql`SELECT g.* FROM unnest(${ids(channelIds)}) AS s (id)
        CROSS JOIN LATERAL (${select([sql`g.channel_id = s.id`])}) g`
    : select([]);
  const { rows } = await sql<GapRow>`
    SELECT g.ts, g.until, g.key, c.platform, c.name AS channel, g.reason, g.backfill, g.filled, g.dropped
    FROM (SELECT g.* FROM (${found}) g ${orderBy(order, 'g')} LIMIT ${limit + 1} OFFSET ${offset}) g
      JOIN channels c ON c.id = g.channel_id ${orderBy(order, 'g')}`.execute(session.sql);
  return rows;
}

/** Gaps that began in the range, and how long they were together. Index: gaps_by_time. */
export async function gapTotals(
  session: Session,
  { sinceMs, untilMs }: { sinceMs: number; untilMs: number },
): Promise<{ count: number; seconds: number; dropped: number }> {
  const { rows } = await sql<{ count: number; seconds: number; dropped: number }>`
    SELECT count(*) AS count, coalesce(sum(extract(epoch FROM until - ts)), 0)::float8 AS seconds,
      coalesce(sum(dropped), 0)::int8 AS dropped
    FROM gaps WHERE ts >= ${time(sinceMs)} AND ts < ${time(untilMs)}`.execute(session.sql);
  return rows[0]!;
}
