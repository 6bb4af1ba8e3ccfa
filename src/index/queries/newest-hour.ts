/** When somebody last spoke. Indexes: hourly_stats_pkey, hourly_stats_by_hour. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { ids } from './page.ts';

/** Beginning of the hour, ms; of the channels, or of all. Undefined where nothing was counted. */
export async function newestHourMs(
  session: Session,
  channelIds: readonly number[] | undefined,
): Promise<number | undefined> {
  const hours = channelIds
    ? sql`SELECT max(s.hour) AS hour FROM unnest(${ids(channelIds)}) AS c(id), LATERAL (
        SELECT h.hour FROM hourly_stats h WHERE h.channel_id = c.id ORDER BY h.hour DESC LIMIT 1) s`
    : sql`SELECT max(hour) AS hour FROM hourly_stats`;
  const { rows } = await sql<{ hour: Date | null }>`${hours}`.execute(session.sql);
  return rows[0]?.hour?.getTime();
}
