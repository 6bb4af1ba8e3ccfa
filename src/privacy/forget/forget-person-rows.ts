/**
 * Takes a person out of the index, wherever their rows came from: also those whose files are gone. One transaction under
 * the load lock, which may be made again at any time.
 */
import type { Database, Session } from '../../index/database/database.ts';
import { databaseText, plainText } from '../../index/database-text.ts';
import { typeNumber } from '../../index/event-numbers.ts';
import { underLoadLock } from '../../index/load-lock.ts';
import { forgetIds } from '../../index/partitions.ts';
import { type PersonDigests, userDigest } from '../decision.ts';
import { userKeyOf } from '../privacy-gate.ts';
import { gather, removeGathered } from './forget-rows.ts';

const DELETION = typeNumber('delete');

/** Removes all rows of and about a person up to a time. */
export async function forgetPersonRows(
  database: Database,
  platform: string,
  digests: PersonDigests,
  { untilMs, windowMs }: { untilMs: number; windowMs: number },
  signal?: AbortSignal,
): Promise<{ messages: number }> {
  return underLoadLock(database, { signal }, async (session) => {
    const until = new Date(untilMs).toISOString();
    const ids = await userIds(session, platform, digests);
    const logins = await moderationLogins(session, platform, digests);
    // Lines about them are rows of messages under the same key.
    await gather(session, 'm.user_id = k.id AND m.ts <= $2::timestamptz', 'unnest($1::int[]) AS k(id)', [
      ids,
      until,
    ]);
    await gather(
      session,
      'm.key = k.key AND m.ts = k.ts',
      `(SELECT a.key, a.ts FROM mod_actions a JOIN channels c ON c.id = a.channel_id
        WHERE a.ts <= $3::timestamptz AND c.platform = $4 AND CASE
          -- Of a deletion the line says the name alone; the id is its message's author.
          WHEN a.type = ${DELETION} AND a.target_login IS NOT NULL THEN a.target_login = ANY($2::text[])
          WHEN a.target_user_id IS NOT NULL THEN a.target_user_id = ANY($1::int[])
          ELSE a.target_login = ANY($2::text[]) END) AS k`,
      [ids, logins, until, databaseText(platform)],
    );
    const messages = await removeGathered(session, windowMs);
    // An admin's deletion has no line, and may have outlived the message.
    await session.query(
      `UPDATE mod_actions a SET target_user_id = NULL WHERE a.target_user_id = ANY($1::int[])
         AND a.ts <= $2::timestamptz AND NOT EXISTS (SELECT FROM messages m WHERE m.key = a.key AND m.ts = a.ts)`,
      [ids, until],
    );
    await removePerson(session, ids);
    await removeKept(session, platform, digests, ids);
    await session.query(
      `UPDATE mod_actions a SET moderator = NULL FROM channels c
       WHERE c.id = a.channel_id AND c.platform = $2 AND a.moderator = ANY($1::text[]) AND a.ts <= $3::timestamptz`,
      [logins, databaseText(platform), until],
    );
    await forgetIds(session);
    return { messages };
  });
}

/** What forgetting would take out of the index. */
export async function surveyPersonRows(
  database: Database,
  platform: string,
  digests: PersonDigests,
): Promise<{ messages: number }> {
  return database.read(async (session) => {
    const ids = await userIds(session, platform, digests);
    const { rows } = await session.query(
      'SELECT count(*) AS messages FROM messages WHERE user_id = ANY($1::int[])',
      [ids],
    );
    return { messages: rows[0]!.messages as number };
  });
}

/** The person's own rows. Who wrote again since, and is known for that, stays known for that alone. */
async function removePerson(session: Session, ids: readonly number[]): Promise<void> {
  const own = [ids];
  await session.query('DELETE FROM sessions WHERE user_id = ANY($1::int[])', own);
  await session.query('DELETE FROM sessions_stale WHERE user_id = ANY($1::int[])', own);
  await session.query(
    `INSERT INTO sessions_stale (channel_id, user_id, from_ts, to_ts)
     SELECT channel_id, user_id, min(ts), max(ts) FROM messages WHERE user_id = ANY($1::int[]) GROUP BY 1, 2`,
    own,
  );
  await session.query(
    `DELETE FROM user_names n WHERE n.user_id = ANY($1::int[])
       AND NOT EXISTS (SELECT FROM messages m WHERE m.user_id = n.user_id AND m.name_id = n.id)`,
    own,
  );
  await session.query(
    `UPDATE users u SET name_id = (SELECT max(n.id) FROM user_names n WHERE n.user_id = u.id)
     WHERE u.id = ANY($1::int[]) AND NOT EXISTS (SELECT FROM user_names n WHERE n.id = u.name_id)`,
    own,
  );
  await session.query(
    `DELETE FROM users u WHERE u.id = ANY($1::int[])
       AND NOT EXISTS (SELECT FROM messages m WHERE m.user_id = u.id)
       AND NOT EXISTS (SELECT FROM mod_actions a WHERE a.target_user_id = u.id)`,
    own,
  );
}

/** What pipelines kept of them. Counts of everybody name nobody and stay. */
async function removeKept(
  session: Session,
  platform: string,
  digests: PersonDigests,
  ids: readonly number[],
): Promise<void> {
  const logins = await keptLogins(session, platform, digests);
  for (const table of ['kept_user_activity', 'kept_messages', 'user_scores'])
    await session.query(`DELETE FROM ${table} WHERE user_id = ANY($1::int[])`, [ids]);
  for (const table of ['kept_user_activity', 'kept_messages'])
    await session.query(
      `DELETE FROM ${table} k USING channels c
       WHERE c.id = k.channel_id AND c.platform = $2 AND k.user_id IS NULL AND k.login = ANY($1::text[])`,
      [logins, databaseText(platform)],
    );
  await session.query(
    `UPDATE kept_channel_summaries k SET summary = jsonb_set(k.summary, '{topUsers}', (
       SELECT coalesce(jsonb_agg(u ORDER BY place), '[]') FROM jsonb_array_elements(k.summary->'topUsers') WITH ORDINALITY AS t(u, place)
       WHERE NOT u->>'login' = ANY($1::text[])))
     FROM channels c WHERE c.id = k.channel_id AND c.platform = $2 AND jsonb_typeof(k.summary->'topUsers') = 'array'
       AND EXISTS (SELECT FROM jsonb_array_elements(k.summary->'topUsers') AS e (u) WHERE u->>'login' = ANY($1::text[]))`,
    [logins, databaseText(platform)],
  );
}

async function userIds(session: Session, platform: string, digests: PersonDigests): Promise<number[]> {
  const { rows } = await session.query(
    `SELECT id FROM users WHERE platform = $1 AND
       encode(sha256(convert_to($1, 'UTF8') || '\\x00'::bytea || convert_to(user_key, 'UTF8')), 'hex') = ANY($2::text[])`,
    [databaseText(platform), [digests.hash, ...digests.names]],
  );
  return rows.map(({ id }) => id as number);
}

/** The names in moderation, as they stand there, that are theirs. */
function moderationLogins(session: Session, platform: string, digests: PersonDigests): Promise<string[]> {
  return theirLogins(
    session,
    platform,
    digests,
    `SELECT DISTINCT login FROM mod_actions a JOIN channels c ON c.id = a.channel_id,
       LATERAL (VALUES (a.target_login), (a.moderator)) AS names (login)
     WHERE c.platform = $1 AND login IS NOT NULL`,
  );
}

/** The names in what pipelines kept that are theirs. */
function keptLogins(session: Session, platform: string, digests: PersonDigests): Promise<string[]> {
  return theirLogins(
    session,
    platform,
    digests,
    `SELECT login FROM kept_user_activity k JOIN channels c ON c.id = k.channel_id WHERE c.platform = $1
     UNION SELECT login FROM kept_messages k JOIN channels c ON c.id = k.channel_id WHERE c.platform = $1
     UNION SELECT u->>'login' FROM kept_channel_summaries k JOIN channels c ON c.id = k.channel_id,
       LATERAL jsonb_array_elements(k.summary->'topUsers') AS e (u)
     WHERE c.platform = $1 AND jsonb_typeof(k.summary->'topUsers') = 'array' AND u->>'login' IS NOT NULL`,
  );
}

async function theirLogins(
  session: Session,
  platform: string,
  digests: PersonDigests,
  query: string,
): Promise<string[]> {
  const { rows } = await session.query(query, [databaseText(platform)]);
  const theirs = new Set([digests.hash, ...digests.names]);
  return rows
    .map(({ login }) => login as string)
    .filter((login) => theirs.has(userDigest(platform, userKeyOf('', plainText(login)))));
}
