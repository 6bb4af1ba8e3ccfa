/**
 * Takes lines out of the index with everything that was made of them, and blanks others: what is left is what the
 * rewritten archive would give. One transaction under the load lock, which may be made again at any time.
 */
import type { Database, Session } from '../../index/database/database.ts';
import { databaseText } from '../../index/database-text.ts';
import { MODERATION_TYPES } from '../../index/derive/moderation-types.ts';
import { removeKnown } from '../../index/derive/removals.ts';
import { typeName, typeNumber } from '../../index/event-numbers.ts';
import { underLoadLock } from '../../index/load-lock.ts';
import { forgetIds } from '../../index/partitions.ts';
import type { LineChange, Rewritten } from './rewrite-lines.ts';

/** Removes and blanks rows as their lines were, and tells the ledger of the segment's new content. */
export async function applyToRows(
  database: Database,
  rewritten: Rewritten,
  windowMs: number,
  signal?: AbortSignal,
): Promise<void> {
  await underLoadLock(database, { signal }, async (session) => {
    const gone = rewritten.changes.filter(({ after }) => after === undefined);
    await gather(session, 'm.key = k.key AND m.ts = k.ts', GIVEN_KEYS, keysOf(gone));
    await removeGathered(session, windowMs);
    for (const change of rewritten.changes) if (change.after) await blankRow(session, change);
    await renameContent(session, rewritten);
  });
}

/** Removes one message, also where no file holds it any more. */
export async function purgeMessageRow(
  database: Database,
  key: string,
  windowMs: number,
  signal?: AbortSignal,
): Promise<void> {
  await underLoadLock(database, { signal }, async (session) => {
    await gather(session, 'm.key = k.key', 'unnest($1::uuid[]) AS k(key)', [[key]]);
    await removeGathered(session, windowMs);
  });
}

const GIVEN_KEYS = 'unnest($1::uuid[], $2::text[]::timestamptz[]) AS k(key, ts)';
const MESSAGE = typeNumber('message');
const MODERATION = MODERATION_TYPES.map(typeNumber).join(', ');
/** What the database could not take stands there as U+EE00 and four digits (`database-text.ts`). */
const CHARS = "char_length(regexp_replace(text, '\uEE00[0-9a-f]{4}', '.', 'g'))";
const HOUR = "date_trunc('hour', ts, 'UTC')";
const DAY = "(ts AT TIME ZONE 'UTC')::date";

function keysOf(changes: readonly LineChange[]): [string[], string[]] {
  return [
    changes.map(({ before }) => before.key),
    changes.map(({ before }) => new Date(before.timeMs).toISOString()),
  ];
}

/** Notes rows of `messages` that are to go. */
export async function gather(
  session: Session,
  matches: string,
  from: string,
  parameters: readonly unknown[],
): Promise<void> {
  await session.exec(
    `SET LOCAL client_min_messages = warning;
     CREATE TEMP TABLE IF NOT EXISTS going (LIKE messages) ON COMMIT DROP`,
  );
  await session.query(
    `INSERT INTO going SELECT DISTINCT ON (m.key, m.ts) m.* FROM ${from} JOIN messages m ON ${matches}
     WHERE NOT EXISTS (SELECT FROM going g WHERE g.key = m.key AND g.ts = m.ts)`,
    parameters,
  );
}

/** Removes what was gathered, with what was made of it; how many rows. @param windowMs of moderation */
export async function removeGathered(session: Session, windowMs: number): Promise<number> {
  const counted = `count(*) FILTER (WHERE type = ${MESSAGE}) AS messages,
    count(*) FILTER (WHERE type IN (${MODERATION})) AS mod_actions,
    count(*) FILTER (WHERE type <> ${MESSAGE} AND type NOT IN (${MODERATION})) AS others,
    coalesce(sum(${CHARS}) FILTER (WHERE type = ${MESSAGE}), 0) AS chars`;
  const columns = ['messages', 'mod_actions', 'others', 'chars'];
  const less = columns.map((name) => `${name} = s.${name} - g.${name}`).join(', ');
  await session.exec(`
    UPDATE hourly_stats s SET ${less}
      FROM (SELECT channel_id, ${HOUR} AS hour, ${counted} FROM going GROUP BY 1, 2) g
      WHERE s.channel_id = g.channel_id AND s.hour = g.hour;
    UPDATE daily_stats s SET ${less}
      FROM (SELECT channel_id, ${DAY} AS day, ${counted} FROM going GROUP BY 1, 2) g
      WHERE s.channel_id = g.channel_id AND s.day = g.day;
    DELETE FROM kept_messages k USING going g WHERE k.key = g.key AND k.ts = g.ts;`);
  const { rowCount } = await session.query(
    'DELETE FROM messages m USING going g WHERE m.key = g.key AND m.ts = g.ts',
  );
  await takeBackModeration(session, windowMs);
  await takeBackChanges(session);
  await recountUserDays(session);
  await session.exec(`
    INSERT INTO sessions_stale (channel_id, user_id, from_ts, to_ts)
      SELECT channel_id, user_id, min(ts), max(ts) FROM going WHERE user_id IS NOT NULL GROUP BY 1, 2;
    DELETE FROM hourly_stats WHERE messages = 0 AND mod_actions = 0 AND others = 0;
    DELETE FROM daily_stats WHERE messages = 0 AND mod_actions = 0 AND others = 0;`);
  await removeTemplates(session, 'SELECT template_id FROM going');
  if (rowCount > 0) await forgetIds(session);
  return rowCount;
}

/** What actions that went had taken away is there again, unless others had taken it, too. */
async function takeBackModeration(session: Session, windowMs: number): Promise<void> {
  await session.exec(`
    DELETE FROM mod_actions a USING going g WHERE a.key = g.key AND a.ts = g.ts;
    UPDATE mod_actions a SET target_user_id = NULL FROM going g
      WHERE a.type = ${typeNumber('delete')} AND a.target_key = g.key
        AND NOT EXISTS (SELECT FROM messages m WHERE m.key = g.key);
    CREATE TEMP TABLE IF NOT EXISTS unmarked (ts timestamptz, key uuid, channel_id int, user_id int) ON COMMIT DROP;
    TRUNCATE unmarked;
    WITH back AS (
      UPDATE messages m SET deleted_at = NULL, deleted_by = NULL FROM going g
      WHERE g.type IN (${MODERATION}) AND m.deleted_by = g.key AND m.channel_id = g.channel_id
      RETURNING m.ts, m.key, m.channel_id, m.user_id)
    INSERT INTO unmarked SELECT * FROM back;`);
  const { rows } = await session.query(
    `SELECT DISTINCT a.key, a.ts, a.channel_id, a.type, a.target_user_id, a.target_key FROM unmarked u
     JOIN mod_actions a ON a.target_key = u.key OR (a.channel_id = u.channel_id AND a.ts >= u.ts
       AND a.ts <= u.ts + make_interval(secs => $1) AND a.type <> ${typeNumber('delete')})`,
    [windowMs / 1000],
  );
  const actions = rows.map((row) => ({
    key: row.key as string,
    timeMs: (row.ts as Date).getTime(),
    channelId: row.channel_id as number,
    type: typeName(row.type as number),
    targetUserId: (row.target_user_id as number | null) ?? undefined,
    targetKey: (row.target_key as string | null) ?? undefined,
    ...{ targetLogin: undefined, moderator: undefined, durationSeconds: undefined, reason: undefined },
  }));
  await removeKnown(session, actions, windowMs);
}

/** Messages show the latest edit and state that is left of them. */
async function takeBackChanges(session: Session): Promise<void> {
  await session.exec(`
    CREATE TEMP TABLE IF NOT EXISTS changed (key uuid) ON COMMIT DROP;
    TRUNCATE changed;
    INSERT INTO changed SELECT message_key FROM message_edits e JOIN going g ON e.key = g.key AND e.ts = g.ts;
    DELETE FROM message_edits e USING going g WHERE e.key = g.key AND e.ts = g.ts;
    UPDATE messages m SET edited_at = l.ts, edited_text = l.text
      FROM (SELECT DISTINCT key FROM changed) c LEFT JOIN LATERAL (
        SELECT ts, text FROM message_edits e WHERE e.message_key = c.key ORDER BY ts DESC, e.key DESC LIMIT 1) l ON true
      WHERE m.key = c.key;
    TRUNCATE changed;
    INSERT INTO changed SELECT message_key FROM message_status e JOIN going g ON e.key = g.key AND e.ts = g.ts;
    DELETE FROM message_status e USING going g WHERE e.key = g.key AND e.ts = g.ts;
    UPDATE messages m SET status = l.status
      FROM (SELECT DISTINCT key FROM changed) c LEFT JOIN LATERAL (
        SELECT status FROM message_status e WHERE e.message_key = c.key ORDER BY ts DESC, e.key DESC LIMIT 1) l ON true
      WHERE m.key = c.key;`);
}

/** Of users whose messages were gathered, the days on which they wrote. */
async function recountUserDays(session: Session): Promise<void> {
  await session.exec(`
    CREATE TEMP TABLE IF NOT EXISTS their_days (channel_id int, day date, user_id int) ON COMMIT DROP;
    TRUNCATE their_days;
    INSERT INTO their_days
      SELECT DISTINCT g.channel_id, ${DAY}, g.user_id FROM going g
      WHERE g.type = ${MESSAGE} AND g.user_id IS NOT NULL
        AND EXISTS (SELECT FROM user_days d WHERE d.channel_id = g.channel_id AND d.user_id = g.user_id
          AND d.day = (g.ts AT TIME ZONE 'UTC')::date);
    DELETE FROM user_days d USING their_days t
      WHERE d.channel_id = t.channel_id AND d.day = t.day AND d.user_id = t.user_id;
    INSERT INTO user_days (channel_id, day, user_id, name_id, messages, chars, first_ts, last_ts)
      SELECT m.channel_id, t.day, m.user_id, m.name_id, count(*), sum(${CHARS}), min(m.ts), max(m.ts)
      FROM their_days t JOIN messages m ON m.user_id = t.user_id AND m.channel_id = t.channel_id
        AND m.ts >= t.day::timestamp AT TIME ZONE 'UTC' AND m.ts < (t.day + 1)::timestamp AT TIME ZONE 'UTC'
      WHERE m.type = ${MESSAGE} AND m.name_id IS NOT NULL GROUP BY 1, 2, 3, 4;
    UPDATE daily_stats s SET users = s.users - gone.users FROM (
      SELECT t.channel_id, t.day, count(*)::int AS users FROM their_days t
      WHERE NOT EXISTS (SELECT FROM user_days d WHERE d.channel_id = t.channel_id AND d.day = t.day AND d.user_id = t.user_id)
      GROUP BY 1, 2) gone
      WHERE s.channel_id = gone.channel_id AND s.day = gone.day;`);
}

/** A row of somebody else, as its line reads now. */
export async function blankRow(session: Session, { before, after }: LineChange): Promise<void> {
  if (!after) return;
  const where = [before.key, new Date(before.timeMs).toISOString()];
  const line = JSON.stringify(after.event);
  const { rows } = await session.query(
    'SELECT template_id FROM messages WHERE key = $1::uuid AND ts = $2::timestamptz',
    where,
  );
  await session.query(
    `UPDATE messages SET key = $3::uuid, text = $4, template_id = NULL, rest = $5, reply_key = $6::uuid,
       thread_key = $7::uuid, media = $8::text::jsonb WHERE key = $1::uuid AND ts = $2::timestamptz`,
    [
      ...where,
      after.key,
      after.text,
      line,
      after.replyKey ?? null,
      after.threadKey ?? null,
      after.media ?? null,
    ],
  );
  await session.query(
    `UPDATE mod_actions SET key = $3::uuid, moderator = $4, reason = $5 WHERE key = $1::uuid AND ts = $2::timestamptz`,
    [...where, after.key, textOrNull(after.event.moderator), textOrNull(after.event.reason)],
  );
  await session.query(
    'UPDATE messages SET deleted_by = $2::uuid WHERE deleted_by = $1::uuid AND $1::uuid <> $2::uuid',
    [before.key, after.key],
  );
  await session.query(
    'UPDATE message_edits SET key = $3::uuid, text = $4 WHERE key = $1::uuid AND ts = $2::timestamptz',
    [...where, after.key, after.text],
  );
  await session.query(
    `UPDATE messages m SET edited_text = e.text FROM message_edits e
     WHERE e.key = $1::uuid AND e.ts = $2::timestamptz AND m.key = e.message_key AND m.edited_at = e.ts`,
    [after.key, where[1]!],
  );
  await session.query(
    'UPDATE kept_messages SET key = $3::uuid, text = $4, line = $5 WHERE key = $1::uuid AND ts = $2::timestamptz',
    [...where, after.key, after.text, line],
  );
  const templates = rows.flatMap(({ template_id: id }) => (id === null ? [] : [id as number]));
  if (templates.length > 0) await removeTemplates(session, `SELECT unnest(ARRAY[${templates.join(', ')}])`);
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : databaseText(text);
}

async function removeTemplates(session: Session, ids: string): Promise<void> {
  const { rowCount } = await session.query(
    `DELETE FROM templates t WHERE t.id IN (${ids}) AND NOT EXISTS (SELECT FROM messages m WHERE m.template_id = t.id)`,
  );
  if (rowCount > 0) await forgetIds(session);
}

/** The ledger knows contents by their digests: this one reads otherwise now. */
async function renameContent(session: Session, { linesSha256Before, description }: Rewritten): Promise<void> {
  if (!description) {
    await session.query('DELETE FROM segments WHERE lines_sha256 = $1 AND complete', [linesSha256Before]);
    return;
  }
  const { linesSha256, linesBytes, lines, objectBytes, firstTimestamp, lastTimestamp } = description;
  await session.query(
    `UPDATE segments SET lines_sha256 = $2, bytes = $3, lines = $4, first_ts = $5::timestamptz, last_ts = $6::timestamptz,
       object_bytes = CASE WHEN object_key IS NULL THEN NULL ELSE $7::bigint END
     WHERE lines_sha256 = $1 AND complete`,
    [
      linesSha256Before,
      linesSha256,
      linesBytes,
      lines,
      firstTimestamp === '' ? null : firstTimestamp,
      lastTimestamp === '' ? null : lastTimestamp,
      objectBytes,
    ],
  );
}
