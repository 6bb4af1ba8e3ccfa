/** Who has, or had, a name. Indexes: user_names_by_login, users' key, user_days_by_user. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { ids } from './page.ts';

export interface UserRow {
  id: number;
  platform: string;
  user_key: string;
  /** Of the latest activity. */
  login: string | null;
  display_name: string | null;
  /** When the name that was asked for was last used, as far as the index reaches. */
  used_at: Date | null;
}

/** A name can have had many owners. */
const OWNERS_MAX = 100;

/** Its latest owner first. */
export async function findUsersByLogin(
  session: Session,
  login: string,
  platform: string | undefined,
): Promise<UserRow[]> {
  const lower = login.toLowerCase();
  const { rows } = await sql<UserRow>`
    WITH named AS (
      SELECT n.user_id, n.id AS name_id FROM user_names n WHERE n.login = ANY (${[login, lower]}::text[])
      UNION
      -- Where the platform gives no ids, the name in lower case is one.
      SELECT u.id, u.name_id FROM (SELECT DISTINCT platform FROM channels) c
        JOIN users u ON u.platform = c.platform AND u.user_key = ${`~${lower}`}
    ), owners AS (
      SELECT n.user_id, max(d.last_ts) AS used_at, max(n.name_id) AS name_id
      FROM named n LEFT JOIN LATERAL (
        SELECT d.last_ts FROM user_days d WHERE d.user_id = n.user_id AND d.name_id = n.name_id
        ORDER BY d.day DESC LIMIT 1) d ON true
      GROUP BY n.user_id
    )
    SELECT u.id, u.platform, u.user_key, c.login, c.display_name, o.used_at
    FROM owners o JOIN users u ON u.id = o.user_id LEFT JOIN user_names c ON c.id = u.name_id
    WHERE ${platform ?? null}::text IS NULL OR u.platform = ${platform ?? null}
    ORDER BY o.used_at DESC NULLS LAST, o.name_id DESC LIMIT ${OWNERS_MAX}`.execute(session.sql);
  return rows;
}

/** Who has this id on any platform, or on the one that is named. */
export async function findUsersByKey(
  session: Session,
  userKey: string,
  platforms: readonly string[],
): Promise<UserRow[]> {
  const { rows } = await sql<UserRow>`
    SELECT u.id, u.platform, u.user_key, n.login, n.display_name, NULL::timestamptz AS used_at
    FROM users u LEFT JOIN user_names n ON n.id = u.name_id
    WHERE u.platform = ANY (${[...platforms]}::text[]) AND u.user_key = ${userKey}
    ORDER BY u.platform`.execute(session.sql);
  return rows;
}

/** In no order. */
export async function usersByIds(session: Session, userIds: readonly number[]): Promise<UserRow[]> {
  const { rows } = await sql<UserRow>`
    SELECT u.id, u.platform, u.user_key, n.login, n.display_name, NULL::timestamptz AS used_at
    FROM users u LEFT JOIN user_names n ON n.id = u.name_id
    WHERE u.id = ANY (${ids(userIds)})`.execute(session.sql);
  return rows;
}
