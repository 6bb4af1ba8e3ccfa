/**
 * Users by a part of a name. From its beginning: index user_names_by_login. From anywhere: the index of trigrams, where
 * the database has the extension (`optional-indexes.ts`); without it only beginnings are found.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';

export interface FoundName {
  user_id: number;
  /** The name that was found. */
  found: string;
  platform: string;
  user_key: string;
  login: string;
  display_name: string;
}

export interface UserSearch {
  text: string;
  platform: string | undefined;
  /** The last name of the page before. */
  after: { login: string; userId: number } | undefined;
  limit: number;
}

/** Trigrams are of three characters. */
export const SUBSTRING_CHARS_MIN = 3;

/** Names that begin so, in the order of their bytes, several for a user who had several. */
export async function usersByPrefix(session: Session, search: UserSearch): Promise<FoundName[]> {
  const { text, platform, after, limit } = search;
  const { rows } = await sql<FoundName>`
    SELECT n.user_id, n.login AS found, u.platform, u.user_key, c.login, c.display_name
    FROM user_names n JOIN users u ON u.id = n.user_id JOIN user_names c ON c.id = coalesce(u.name_id, n.id)
    WHERE n.login LIKE ${`${escapeLike(text)}%`}
      AND (${platform ?? null}::text IS NULL OR u.platform = ${platform ?? null})
      AND (${after?.login ?? null}::text IS NULL OR n.login ~>=~ ${after?.login ?? ''})
      AND (${after?.login ?? null}::text IS NULL OR n.login ~>~ ${after?.login ?? ''} OR n.user_id > ${after?.userId ?? 0})
    ORDER BY n.login USING ~<~, n.user_id LIMIT ${limit}`.execute(session.sql);
  return rows;
}

/** Names that contain it but do not begin so; in no order of use. */
export async function usersBySubstring(
  session: Session,
  { text, platform, limit }: Omit<UserSearch, 'after'>,
): Promise<FoundName[]> {
  const part = escapeLike(text);
  const { rows } = await sql<FoundName>`
    SELECT n.user_id, n.login AS found, u.platform, u.user_key, c.login, c.display_name
    FROM (SELECT * FROM user_names n WHERE n.login LIKE ${`%${part}%`} AND n.login NOT LIKE ${`${part}%`} LIMIT ${limit}) n
      JOIN users u ON u.id = n.user_id JOIN user_names c ON c.id = coalesce(u.name_id, n.id)
    WHERE ${platform ?? null}::text IS NULL OR u.platform = ${platform ?? null}
    ORDER BY n.login, n.user_id`.execute(session.sql);
  return rows;
}

export async function hasTrigramIndex(session: Session): Promise<boolean> {
  const { rows } = await session.query("SELECT to_regclass('user_names_by_trigram') IS NOT NULL AS there");
  return rows[0]?.there === true;
}

function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}
