/** What an index holds, without the ids that the database gave: two indexes of the same lines have the same contents. */
import { createHash } from 'node:crypto';
import type { Database, Session } from '../../src/index/database/database.ts';
import { plainText } from '../../src/index/database-text.ts';
import { typeName } from '../../src/index/event-numbers.ts';
import { storedLine } from '../../src/index/message-row.ts';
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from '../../src/index/stored-row.ts';

/** One row as JSON shows it; times are RFC 3339. */
export type ContentRow = Record<string, unknown>;

/** Rows of each table in one fixed order. */
export interface IndexContents {
  channels: ContentRow[];
  users: ContentRow[];
  userNames: ContentRow[];
  messages: ContentRow[];
  modActions: ContentRow[];
  edits: ContentRow[];
  statuses: ContentRow[];
  sessions: ContentRow[];
  gaps: ContentRow[];
  hourly: ContentRow[];
  daily: ContentRow[];
  userDays: ContentRow[];
}

/** Rows in the order of their JSON, their members in the order of their names. */
export function sorted(rows: ContentRow[]): ContentRow[] {
  return rows
    .map((row) => JSON.stringify(ordered(row)))
    .sort()
    .map((row) => JSON.parse(row) as ContentRow);
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, ordered(member)]),
  );
}

/** One line for what may be large: equal for equal contents. */
export function contentsChecksum(contents: IndexContents): string {
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}

/** Of everything in the index. For tests: holds all of it in memory. */
export async function indexContents(database: Database): Promise<IndexContents> {
  return database.read(async (session) => {
    const ask = async (sql: string) => sorted((await session.query(sql)).rows.map(plain));
    return {
      channels: await ask('SELECT platform, name, platform_id FROM channels'),
      users: await ask(
        `SELECT u.platform, user_key, n.login, n.display_name FROM users u LEFT JOIN user_names n ON n.id = u.name_id`,
      ),
      userNames: await ask(
        'SELECT u.platform, user_key, n.login, n.display_name FROM user_names n JOIN users u ON u.id = n.user_id',
      ),
      messages: await messages(session),
      modActions: await ask(
        `SELECT c.platform, c.name AS channel, a.ts, key, type, u.user_key AS target_user, target_login, moderator,
           duration_seconds, reason, target_key
         FROM mod_actions a JOIN channels c ON c.id = a.channel_id LEFT JOIN users u ON u.id = a.target_user_id`,
      ),
      edits: await ask(`SELECT ${OF_CHANNEL}, message_key, t.ts, key, text FROM message_edits t ${CHANNEL}`),
      statuses: await ask(
        `SELECT ${OF_CHANNEL}, message_key, t.ts, key, status, error FROM message_status t ${CHANNEL}`,
      ),
      sessions: await ask(
        `SELECT ${OF_CHANNEL}, user_key, joined_at, left_at, messages, has_join, has_part
         FROM sessions t JOIN users u ON u.id = t.user_id ${CHANNEL}`,
      ),
      gaps: await ask(
        `SELECT ${OF_CHANNEL}, t.ts, until, reason, backfill, filled, dropped, key FROM gaps t ${CHANNEL}`,
      ),
      hourly: await ask(
        `SELECT ${OF_CHANNEL}, hour, messages, mod_actions, others, chars FROM hourly_stats t ${CHANNEL}`,
      ),
      daily: await ask(
        `SELECT ${OF_CHANNEL}, day, messages, mod_actions, others, chars, t.users FROM daily_stats t ${CHANNEL}`,
      ),
      userDays: await ask(
        `SELECT ${OF_CHANNEL}, day, user_key, n.login, n.display_name, messages, chars, first_ts, last_ts FROM user_days t
         JOIN users u ON u.id = t.user_id JOIN user_names n ON n.id = t.name_id ${CHANNEL}`,
      ),
    };
  });
}

const OF_CHANNEL = 'c.platform, c.name AS channel';
const CHANNEL = 'JOIN channels c ON c.id = t.channel_id';

async function messages(session: Session): Promise<ContentRow[]> {
  const { rows } = await session.query(`SELECT ${STORED_COLUMNS} FROM messages m ${STORED_JOINS}`);
  return sorted(
    (rows as unknown as StoredRow[]).map((row) => {
      const { channel_id, user_id, name_id, template_id, template, rest, type, ...columns } = row;
      return { ...plain(columns), type: typeName(type), line: storedLine(row) };
    }),
  );
}

function plain(row: Record<string, unknown>): ContentRow {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [column, plainValue(column, value)]),
  );
}

function plainValue(column: string, value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (column === 'type' && typeof value === 'number') return typeName(value);
  return plainTexts(value);
}

function plainTexts(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value);
  if (Array.isArray(value)) return value.map(plainTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainTexts(member)]));
}
