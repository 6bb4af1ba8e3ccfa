/** People as log viewers name them, and the names that they had. */
import type { Session } from '../database/database.ts';
import { databaseText, plainText } from '../database-text.ts';

export interface LogUser {
  id: number;
  platform: string;
  /** The platform's id; `~` and the login where it gives none. */
  userKey: string;
  /** The latest one. */
  login: string;
  /** All that they had, in lower case. */
  logins: string[];
}

/**
 * Who has this name; where nobody has it now, who had it last. Twitch's logins are lower case; elsewhere upper and lower
 * case are alike. Index: user_names_by_login (Twitch).
 */
export async function userByLogin(
  session: Session,
  platform: string,
  login: string,
): Promise<LogUser | undefined> {
  const name = platform === 'twitch' ? 'n.login' : 'lower(n.login)';
  const { rows } = await session.query(
    `SELECT u.id, u.platform, u.user_key FROM user_names n JOIN users u ON u.id = n.user_id
     LEFT JOIN user_names latest ON latest.id = u.name_id
     WHERE ${name} = $2 AND u.platform = $1
     ORDER BY (latest.login = n.login) IS TRUE DESC, n.id DESC LIMIT 1`,
    [databaseText(platform), databaseText(login.toLowerCase())],
  );
  return withNames(session, rows[0]);
}

/** Index: users_platform_user_key_key. */
export async function userById(session: Session, platform: string, id: string): Promise<LogUser | undefined> {
  const { rows } = await session.query(
    'SELECT id, platform, user_key FROM users WHERE platform = $1 AND user_key = ANY ($2::text[]) LIMIT 1',
    [databaseText(platform), [databaseText(id), `~${databaseText(id)}`]],
  );
  return withNames(session, rows[0]);
}

/** On any platform; Twitch's first. */
export async function userByIdAnywhere(session: Session, id: string): Promise<LogUser | undefined> {
  const { rows } = await session.query(
    `SELECT id, platform, user_key FROM users
     WHERE platform IN (SELECT DISTINCT platform FROM channels) AND user_key = $1
     ORDER BY platform = 'twitch' DESC LIMIT 1`,
    [databaseText(id)],
  );
  return withNames(session, rows[0]);
}

async function withNames(
  session: Session,
  row: Record<string, unknown> | undefined,
): Promise<LogUser | undefined> {
  if (!row) return undefined;
  const { id, platform, user_key: userKey } = row as { id: number; platform: string; user_key: string };
  const { rows } = await session.query(
    `SELECT n.login, n.id = u.name_id AS is_latest FROM user_names n JOIN users u ON u.id = n.user_id
     WHERE n.user_id = $1 ORDER BY n.id DESC`,
    [id],
  );
  const names = rows as unknown as { login: string; is_latest: boolean }[];
  const latest = names.find(({ is_latest }) => is_latest) ?? names[0];
  return {
    id,
    platform: plainText(platform),
    userKey: plainText(userKey),
    login: plainText(latest?.login ?? ''),
    logins: [...new Set(names.map(({ login }) => plainText(login).toLowerCase()))],
  };
}

export interface NameInUse {
  login: string;
  firstMs: number;
  lastMs: number;
}

/** When each name was first and last seen, the latest first. Index: user_days_by_user. */
export async function nameHistory(session: Session, userId: number): Promise<NameInUse[]> {
  const { rows } = await session.query(
    `SELECT n.login, min(d.first_ts) AS first, max(d.last_ts) AS last
     FROM user_days d JOIN user_names n ON n.id = d.name_id
     WHERE d.user_id = $1 GROUP BY n.login ORDER BY last DESC, n.login`,
    [userId],
  );
  return (rows as unknown as { login: string; first: Date; last: Date }[]).map(({ login, first, last }) => ({
    login: plainText(login),
    firstMs: first.getTime(),
    lastMs: last.getTime(),
  }));
}
