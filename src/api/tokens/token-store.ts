/**
 * Tokens of the API: 256 random bits that are shown once; the database has their SHA-256. Random as they are, no slow
 * hash is needed. They are the only rows that no archive can bring back.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database, SessionOptions } from '../../index/database/database.ts';
import type { Scope } from '../api-context.ts';
import { ApiError, notFound } from '../api-error.ts';

export interface TokenInfo {
  id: string;
  name: string;
  scope: Scope;
  createdAt: Date;
  /** To within {@link LAST_USED_STEP_MS}; null where it never was. */
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

/** Whoever holds a token. */
export interface Caller {
  tokenId: string;
  /** As the token was named; what moderation by the API is signed with. */
  name: string;
  scope: Scope;
}

const PREFIX = 'clg_';
const TOKEN = /^clg_[A-Za-z0-9_-]{43}$/;
/** How exactly `last_used_at` is known: a write per request would be too dear. */
const LAST_USED_STEP_MS = 5 * 60_000;
export const TOKEN_NAME_MAX = 64;

/** Whether a text looks like a token: no database is asked about what does not. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

export function newToken(): string {
  return PREFIX + randomBytes(32).toString('base64url');
}

export function hashToken(token: string): string {
  return hash('sha256', token, 'hex');
}

/** Compares in a time that tells nothing of where two hashes differ. */
export function isSameHash(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The new token itself is in nobody's hands but the caller's. */
export async function createToken(
  database: Database,
  { scope, name }: { scope: Scope; name: string },
): Promise<{ info: TokenInfo; token: string }> {
  const token = newToken();
  const row = await database.transaction((session) =>
    session.sql
      .insertInto('api_tokens')
      .values({ id: randomBytes(6).toString('hex'), name, hash: hashToken(token), scope })
      .returning(COLUMNS)
      .executeTakeFirstOrThrow(),
  );
  return { info: tokenInfo(row), token };
}

/** The newest first. */
export async function listTokens(database: Database): Promise<TokenInfo[]> {
  const rows = await database.read((session) =>
    session.sql
      .selectFrom('api_tokens')
      .select(COLUMNS)
      .orderBy('created_at', 'desc')
      .orderBy('id')
      .execute(),
  );
  return rows.map(tokenInfo);
}

/**
 * By id, or by a name that only one token in force has. Takes effect at once in this process, within seconds in others.
 * Throws `not_found`, or `ambiguous_name`.
 */
export async function revokeToken(database: Database, idOrName: string, nowMs: number): Promise<TokenInfo> {
  return database.transaction(async ({ sql }) => {
    const found = await sql
      .selectFrom('api_tokens')
      .select(COLUMNS)
      .where((or) => or.or([or('id', '=', idOrName), or('name', '=', idOrName)]))
      .where('revoked_at', 'is', null)
      .execute();
    const chosen = found.find(({ id }) => id === idOrName) ?? found[0];
    if (!chosen) throw notFound('such token in force', 'List them with "chatlog token list".');
    if (found.length > 1 && chosen.id !== idOrName) {
      const ids = found.map(({ id }) => id).join(', ');
      throw new ApiError(409, 'ambiguous_name', `${found.length} tokens have this name`, {
        hint: `Name one by its id: ${ids}`,
      });
    }
    const row = await sql
      .updateTable('api_tokens')
      .set({ revoked_at: new Date(nowMs) })
      .where('id', '=', chosen.id)
      .returning(COLUMNS)
      .executeTakeFirstOrThrow();
    return tokenInfo(row);
  });
}

/** Undefined where there is no such token, or it was revoked. */
export async function findToken(
  database: Database,
  token: string,
  options?: SessionOptions,
): Promise<TokenInfo | undefined> {
  const wanted = hashToken(token);
  const row = await database.read(
    (session) =>
      session.sql
        .selectFrom('api_tokens')
        .select([...COLUMNS, 'hash'])
        .where('hash', '=', wanted)
        .executeTakeFirst(),
    options,
  );
  return row && isSameHash(row.hash, wanted) && row.revoked_at === null ? tokenInfo(row) : undefined;
}

/** Notes that it is in use; seldom. */
export async function touchToken(
  database: Database,
  token: TokenInfo,
  nowMs: number,
  options?: SessionOptions,
): Promise<void> {
  if (token.lastUsedAt && nowMs - token.lastUsedAt.getTime() < LAST_USED_STEP_MS) return;
  await database.transaction(
    ({ sql }) =>
      sql
        .updateTable('api_tokens')
        .set({ last_used_at: new Date(nowMs) })
        .where('id', '=', token.id)
        .execute(),
    options,
  );
}

const COLUMNS = ['id', 'name', 'scope', 'created_at', 'last_used_at', 'revoked_at'] as const;

function tokenInfo(row: {
  id: string;
  name: string;
  scope: string;
  created_at: Date;
  last_used_at: Date | null;
  revoked_at: Date | null;
}): TokenInfo {
  return {
    id: row.id,
    name: row.name,
    scope: row.scope as Scope,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
  };
}
