/** What lies in storage, by the ledger, oldest first. Index: segments_by_start, channel by channel. */
import { sql } from 'kysely';
import { encodeName } from '../../segment-name.ts';
import type { Session } from '../database/database.ts';
import { startOfDay } from '../retention/due-ranges.ts';
import { all, type Condition, time } from './page.ts';

export interface SegmentRow {
  name: string;
  /** Encoded, as in the key. */
  platform: string;
  channel: string;
  start_ts: Date;
  first_ts: Date | null;
  last_ts: Date | null;
  lines: number;
  bytes: number;
  object_key: string;
  object_bytes: number | null;
  lines_sha256: string | null;
  instance: string | null;
}

export interface SegmentQuery {
  channels: readonly { platform: string; name: string }[];
  /** Of the hour's beginning; of days that were compacted, those that reach into the range. */
  sinceMs: number;
  untilMs: number;
  after?: { startMs: number; name: string } | undefined;
  offset: number;
  limit: number;
}

/** One more than the limit where there is one. */
export async function segmentPage(session: Session, query: SegmentQuery): Promise<SegmentRow[]> {
  const { sinceMs, untilMs, after, offset, limit } = query;
  const conditions: Condition[] = [
    sql`s.platform = c.platform AND s.channel = c.channel AND s.object_key IS NOT NULL`,
    sql`s.start_ts >= ${time(startOfDay(sinceMs))} AND s.start_ts < ${time(untilMs)}`,
    // The object of a whole day (`segment-span.ts`) that begins before the range reaches into it.
    sql`(s.start_ts >= ${time(sinceMs)} OR s.name ~ '_0000-day(-[0-9]+)?\\.jsonl')`,
  ];
  if (after)
    conditions.push(
      sql`s.start_ts >= ${time(after.startMs)}`,
      sql`(s.start_ts > ${time(after.startMs)} OR s.name > ${after.name})`,
    );
  // A segment that was read here and from storage has two rows.
  const rowsMax = 2 * (offset + limit + 1);
  const { rows } = await sql<SegmentRow>`
    SELECT DISTINCT ON (s.start_ts, s.name) s.name, s.platform, s.channel, s.start_ts, s.first_ts, s.last_ts, s.lines,
      s.bytes, s.object_key, s.object_bytes, s.lines_sha256, s.instance
    FROM ${pairs(query.channels)} CROSS JOIN LATERAL (
      SELECT s.* FROM segments s WHERE ${all(conditions)} ORDER BY s.start_ts, s.name LIMIT ${rowsMax}) s
    ORDER BY s.start_ts, s.name, s.complete DESC LIMIT ${limit + 1} OFFSET ${offset}`.execute(session.sql);
  return rows;
}

export interface LedgerTotals {
  segments: number;
  /** In storage, by the ledger. */
  stored: number;
  stored_bytes: number;
  lines: number;
  rejected: number;
  /** Not read to their end yet. */
  incomplete: number;
  last_loaded_at: Date | null;
}

/** Of the segments that begin in the range. */
export async function ledgerTotals(
  session: Session,
  { channels, sinceMs, untilMs }: Pick<SegmentQuery, 'channels' | 'sinceMs' | 'untilMs'>,
): Promise<LedgerTotals> {
  const { rows } = await sql<LedgerTotals>`
    SELECT count(DISTINCT s.name) AS segments, count(DISTINCT s.name) FILTER (WHERE s.object_key IS NOT NULL) AS stored,
      coalesce(sum(s.object_bytes), 0)::int8 AS stored_bytes, coalesce(sum(s.inserted), 0)::int8 AS lines,
      coalesce(sum(s.rejected), 0)::int8 AS rejected, count(*) FILTER (WHERE NOT s.complete) AS incomplete,
      max(s.loaded_at) AS last_loaded_at
    FROM ${pairs(channels)} JOIN segments s ON s.platform = c.platform AND s.channel = c.channel
      AND s.start_ts >= ${time(sinceMs)} AND s.start_ts < ${time(untilMs)}`.execute(session.sql);
  return rows[0]!;
}

function pairs(channels: SegmentQuery['channels']): Condition {
  const platforms = channels.map(({ platform }) => encodeName(platform));
  const names = channels.map(({ name }) => encodeName(name));
  return sql`unnest(${platforms}::text[], ${names}::text[]) AS c (platform, channel)`;
}
