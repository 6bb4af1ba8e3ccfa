/** What channels did: from the statistics, which stay when messages go. Indexes: hourly_stats' and daily_stats' keys. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, day, ids, time } from './page.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface ChannelActivity {
  channel_id: number;
  /** Beginning of the last hour with a line. */
  last_hour: Date | null;
  /** In the hours since then. */
  messages: number;
}

/** Of each channel: when it last had a line, and how many messages since a time. */
export async function channelActivity(
  session: Session,
  channelIds: readonly number[],
  sinceMs: number,
): Promise<Map<number, ChannelActivity>> {
  const { rows } = await sql<ChannelActivity>`
    SELECT c.id AS channel_id, l.hour AS last_hour, coalesce(r.messages, 0)::int8 AS messages
    FROM unnest(${ids(channelIds)}) AS c (id)
      LEFT JOIN LATERAL (
        SELECT h.hour FROM hourly_stats h WHERE h.channel_id = c.id ORDER BY h.hour DESC LIMIT 1) l ON true
      LEFT JOIN LATERAL (
        SELECT sum(h.messages) AS messages FROM hourly_stats h
        WHERE h.channel_id = c.id AND h.hour >= ${time(floorTo(sinceMs, HOUR_MS))}) r ON true`.execute(
    session.sql,
  );
  return new Map(rows.map((row) => [row.channel_id, row]));
}

export interface ChannelTotals {
  messages: number;
  mod_actions: number;
  others: number;
  first_day: string | null;
  last_day: string | null;
}

/** Of all days. */
export async function channelTotals(session: Session, channelId: number): Promise<ChannelTotals> {
  const { rows } = await sql<ChannelTotals>`
    SELECT coalesce(sum(messages), 0)::int8 AS messages, coalesce(sum(mod_actions), 0)::int8 AS mod_actions,
      coalesce(sum(others), 0)::int8 AS others, min(day) AS first_day, max(day) AS last_day
    FROM daily_stats WHERE channel_id = ${channelId}`.execute(session.sql);
  return rows[0]!;
}

export interface ActivityBucket {
  /** The beginning. */
  at: Date;
  messages: number;
  mod_actions: number;
  others: number;
  chars: number;
}

export interface ActivityQuery {
  /** All where left out. */
  channelIds?: readonly number[];
  sinceMs: number;
  untilMs: number;
  per: 'hour' | 'day';
}

/** Oldest first; what is empty is left out. Whole hours or UTC days that the range touches. */
export async function activity(session: Session, query: ActivityQuery): Promise<ActivityBucket[]> {
  const { channelIds, sinceMs, untilMs, per } = query;
  const conditions =
    per === 'hour'
      ? [sql`hour >= ${time(floorTo(sinceMs, HOUR_MS))} AND hour < ${time(untilMs)}`]
      : [sql`day >= ${day(sinceMs)} AND day <= ${day(untilMs - 1)}`];
  if (channelIds) conditions.push(sql`channel_id = ANY (${ids(channelIds)})`);
  const bucket = per === 'hour' ? sql`hour` : sql`(day::timestamp AT TIME ZONE 'UTC')`;
  const { rows } = await sql<ActivityBucket>`
    SELECT ${bucket} AS at, sum(messages)::int8 AS messages, sum(mod_actions)::int8 AS mod_actions,
      sum(others)::int8 AS others, sum(chars)::int8 AS chars
    FROM ${per === 'hour' ? sql`hourly_stats` : sql`daily_stats`} WHERE ${all(conditions)}
    GROUP BY 1 ORDER BY 1`.execute(session.sql);
  return rows;
}

export interface TopChannel {
  channel_id: number;
  platform: string;
  channel: string;
  messages: number;
  mod_actions: number;
}

/** Most messages first, in the hours that the range touches. Index: hourly_stats_by_hour, daily_stats_by_day. */
export async function topChannels(
  session: Session,
  { sinceMs, untilMs, limit }: { sinceMs: number; untilMs: number; limit: number },
): Promise<TopChannel[]> {
  const isLong = untilMs - sinceMs > 7 * DAY_MS;
  const from = isLong
    ? sql`daily_stats WHERE day >= ${day(sinceMs)} AND day <= ${day(untilMs - 1)}`
    : sql`hourly_stats WHERE hour >= ${time(floorTo(sinceMs, HOUR_MS))} AND hour < ${time(untilMs)}`;
  const { rows } = await sql<TopChannel>`
    SELECT s.channel_id, c.platform, c.name AS channel, s.messages, s.mod_actions
    FROM (
      SELECT channel_id, sum(messages)::int8 AS messages, sum(mod_actions)::int8 AS mod_actions FROM ${from}
      GROUP BY channel_id ORDER BY 2 DESC, 1 LIMIT ${limit}
    ) s JOIN channels c ON c.id = s.channel_id
    ORDER BY s.messages DESC, s.channel_id`.execute(session.sql);
  return rows;
}

function floorTo(ms: number, stepMs: number): number {
  return ms - (((ms % stepMs) + stepMs) % stepMs);
}
