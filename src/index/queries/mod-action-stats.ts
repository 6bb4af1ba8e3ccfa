/** Moderation counted. Indexes: mod_actions_by_time, mod_actions_by_channel. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, ids, time } from './page.ts';

export interface ModActionStatsQuery {
  channelIds?: readonly number[];
  sinceMs: number;
  untilMs: number;
  /** Of channels and moderators. */
  limit: number;
}

export interface ModActionStats {
  types: { type: number; count: number }[];
  channels: { platform: string; channel: string; count: number }[];
  moderators: { moderator: string; count: number }[];
  /** Oldest first. */
  days: { day: string; count: number }[];
}

export async function modActionStats(session: Session, query: ModActionStatsQuery): Promise<ModActionStats> {
  const { channelIds, sinceMs, untilMs, limit } = query;
  const conditions = [sql`a.ts >= ${time(sinceMs)} AND a.ts < ${time(untilMs)}`];
  if (channelIds) conditions.push(sql`a.channel_id = ANY (${ids(channelIds)})`);
  const { rows } = await sql<{
    type: number | null;
    channel_id: number | null;
    moderator: string | null;
    day: string | null;
    kind: number;
    count: number;
  }>`
    SELECT a.type, a.channel_id, a.moderator, (a.ts AT TIME ZONE 'UTC')::date AS day,
      grouping(a.type, a.channel_id, a.moderator, (a.ts AT TIME ZONE 'UTC')::date) AS kind, count(*) AS count
    FROM mod_actions a WHERE ${all(conditions)}
    GROUP BY GROUPING SETS ((a.type), (a.channel_id), (a.moderator), ((a.ts AT TIME ZONE 'UTC')::date))
    ORDER BY count DESC`.execute(session.sql);
  // Bits of what was not grouped by: type 8, channel 4, moderator 2, day 1.
  const of = (kind: number) => rows.filter((row) => row.kind === kind);
  const top = of(0b1011).slice(0, limit);
  const names = await channelNames(
    session,
    top.map(({ channel_id }) => channel_id!),
  );
  return {
    types: of(0b0111).map(({ type, count }) => ({ type: type!, count })),
    channels: top.flatMap(({ channel_id, count }) => {
      const name = names.get(channel_id!);
      return name ? [{ ...name, count }] : [];
    }),
    moderators: of(0b1101)
      .filter(({ moderator }) => moderator !== null)
      .slice(0, limit)
      .map(({ moderator, count }) => ({ moderator: moderator!, count })),
    days: of(0b1110)
      .map((row) => ({ day: row.day!, count: row.count }))
      .sort((a, b) => (a.day < b.day ? -1 : 1)),
  };
}

async function channelNames(session: Session, channelIds: readonly number[]) {
  const { rows } = await sql<{ id: number; platform: string; channel: string }>`
    SELECT id, platform, name AS channel FROM channels WHERE id = ANY (${ids(channelIds)})`.execute(
    session.sql,
  );
  return new Map(rows.map(({ id, ...name }) => [id, name]));
}
