/**
 * Removes users, names and templates that no row refers to any more. Looked for by pages without a lock, removed under
 * the load lock where they are still unused then; whoever remembers their ids is told by the epoch.
 */
import type { Database } from '../database/database.ts';
import { underLoadLock } from '../load-lock.ts';
import { forgetIds } from '../partitions.ts';

const PAGE_IDS = 10_000;
/** Looking for unused templates goes through all messages: many are taken at once. */
const TEMPLATES_AT_ONCE = 100_000;
/** Hidden in one transaction: each is written into the index of their contents too, and loading waits for it. */
const HIDDEN_AT_ONCE = 2_000;

/** `OFFSET 0` keeps each a look into an index for each id of a page, in place of a join with the whole table. */
const USER_IS_UNUSED = [
  'messages m WHERE m.user_id = t.id',
  'user_days d WHERE d.user_id = t.id',
  'sessions s WHERE s.user_id = t.id',
  'sessions_stale q WHERE q.user_id = t.id',
  'mod_actions a WHERE a.target_user_id = t.id',
  'kept_user_activity k WHERE k.user_id = t.id',
  'kept_messages k WHERE k.user_id = t.id',
  'user_scores k WHERE k.user_id = t.id',
];
const NAME_IS_UNUSED = [
  'users u WHERE u.id = t.user_id AND u.name_id = t.id',
  'user_days d WHERE d.user_id = t.user_id AND d.name_id = t.id',
  'messages m WHERE m.user_id = t.user_id AND m.name_id = t.id',
];

export async function sweepReferences(database: Database, signal: AbortSignal): Promise<Map<string, number>> {
  const removed = new Map<string, number>();
  for (const [table, references] of [
    ['users', USER_IS_UNUSED],
    ['user_names', NAME_IS_UNUSED],
  ] as const) {
    const unused = references.map((from) => `NOT EXISTS (SELECT FROM ${from} OFFSET 0)`).join(' AND ');
    removed.set(table, await sweepTable(database, table, unused, signal));
  }
  removed.set('templates', await sweepTemplates(database, signal));
  return removed;
}

async function sweepTable(
  database: Database,
  table: string,
  unused: string,
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  const end = await maxId(database, table);
  for (let from = 0; from < end; from += PAGE_IDS) {
    signal.throwIfAborted();
    const { rows } = await database.transaction((session) =>
      session.query(`SELECT t.id FROM ${table} t WHERE t.id > $1 AND t.id <= $2 AND ${unused}`, [
        from,
        from + PAGE_IDS,
      ]),
    );
    if (rows.length === 0) continue;
    const ids = rows.map(({ id }) => id as number);
    removed += await underLoadLock(database, {}, async (session) => {
      const { rowCount } = await session.query(
        `DELETE FROM ${table} t WHERE t.id = ANY($1::int[]) AND ${unused}`,
        [ids],
      );
      if (rowCount > 0) await forgetIds(session);
      return rowCount;
    });
  }
  return removed;
}

/**
 * Messages have no index by template. So those that are unused at one look are hidden first: under another hash the
 * loader does not find them and makes new ones. Which of them came into use before that, a second look tells.
 */
async function sweepTemplates(database: Database, signal: AbortSignal): Promise<number> {
  let removed = 0;
  for (let count = TEMPLATES_AT_ONCE; count === TEMPLATES_AT_ONCE; ) {
    signal.throwIfAborted();
    const { rows } = await database.transaction((session) =>
      session.query(
        `SELECT coalesce(array_agg(id), '{}') AS ids FROM (
           SELECT t.id FROM templates t
           WHERE NOT EXISTS (SELECT FROM messages m WHERE m.template_id = t.id) LIMIT $1
         ) unused`,
        [TEMPLATES_AT_ONCE],
      ),
    );
    const ids = rows[0]?.ids as number[];
    count = ids.length;
    if (count === 0) break;
    await hideTemplates(database, ids, signal);
    const deleted = await database.transaction((session) =>
      session.query(
        `DELETE FROM templates t WHERE t.id = ANY($1::int[])
           AND NOT EXISTS (SELECT FROM messages m WHERE m.template_id = t.id)`,
        [ids],
      ),
    );
    removed += deleted.rowCount;
  }
  return removed;
}

async function hideTemplates(database: Database, ids: readonly number[], signal: AbortSignal): Promise<void> {
  for (let from = 0; from < ids.length; from += HIDDEN_AT_ONCE) {
    signal.throwIfAborted();
    await underLoadLock(database, {}, async (session) => {
      await session.query('UPDATE templates SET hash = gen_random_uuid() WHERE id = ANY($1::int[])', [
        ids.slice(from, from + HIDDEN_AT_ONCE),
      ]);
      await forgetIds(session);
    });
  }
}

async function maxId(database: Database, table: string): Promise<number> {
  const { rows } = await database.transaction((session) =>
    session.query(`SELECT max(id) AS id FROM ${table}`),
  );
  return (rows[0]?.id as number | null) ?? 0;
}
