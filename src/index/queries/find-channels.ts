/** Channels by name. There are thousands at most: the table is read as a whole. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';

export interface ChannelRow {
  id: number;
  platform: string;
  name: string;
  platform_id: string | null;
}

/** In upper or lower case, with or without `#`; on every platform where none is named. */
export async function findChannels(
  session: Session,
  name: string,
  platform: string | undefined,
): Promise<ChannelRow[]> {
  const bare = name.toLowerCase().replace(/^#/, '');
  const { rows } = await sql<ChannelRow>`
    SELECT id, platform, name, platform_id FROM channels
    WHERE lower(name) = ANY (${[bare, `#${bare}`, name.toLowerCase()]}::text[])
      AND (${platform ?? null}::text IS NULL OR platform = ${platform ?? null})
    ORDER BY platform, name`.execute(session.sql);
  return rows;
}

/** All, in the order of their names. */
export async function allChannels(session: Session, platform: string | undefined): Promise<ChannelRow[]> {
  let query = session.sql.selectFrom('channels').select(['id', 'platform', 'name', 'platform_id']);
  if (platform !== undefined) query = query.where('platform', '=', platform);
  return query.orderBy('platform').orderBy('name').execute();
}

export async function knownPlatforms(session: Session): Promise<string[]> {
  const rows = await session.sql.selectFrom('channels').select('platform').distinct().execute();
  return rows.map(({ platform }) => platform);
}
