/** Rows into `messages`: by COPY into a table of this transaction, from there what is not there yet. */
import { formatTimestamp } from '../lib/timestamp.ts';
import type { Session } from './database/database.ts';
import { typeNumber } from './event-numbers.ts';
import type { RowIds } from './index-ids.ts';
import type { IndexedLine } from './message-row.ts';

/** A line on its way into `messages`. */
export interface LoadedRow extends RowIds {
  line: IndexedLine;
  /** By whose moderation it is gone. */
  removed: Removal | undefined;
}

/** A moderation action that takes messages away. */
export interface Removal {
  timeMs: number;
  key: string;
}

const STAGED = 'staged_messages';
/** COPY is sent in pieces of about this size. */
const CHUNK_CHARS = 64 * 1024;

/** Afterwards `staged_messages` holds the rows, in the form of `messages`, until the transaction ends. */
export async function stageRows(session: Session, rows: readonly LoadedRow[]): Promise<void> {
  await session.exec(
    `SET LOCAL client_min_messages = warning;
     CREATE TEMP TABLE IF NOT EXISTS ${STAGED} (LIKE messages INCLUDING DEFAULTS) ON COMMIT DELETE ROWS`,
  );
  await session.copyIn(`${STAGED} (${COLUMNS})`, copyChunks(rows));
}

/** Inserts what of the staged rows is not in `messages` yet: that, and what was there. */
export async function insertStagedRows(
  session: Session,
  rows: readonly LoadedRow[],
): Promise<{ fresh: LoadedRow[]; known: LoadedRow[] }> {
  const { rows: left } = await session.query(
    `WITH inserted AS (
       INSERT INTO messages SELECT * FROM ${STAGED} ON CONFLICT (key, ts) DO NOTHING RETURNING key, ts)
     SELECT key, ts FROM ${STAGED} EXCEPT ALL SELECT key, ts FROM inserted`,
  );
  if (left.length === 0) return { fresh: [...rows], known: [] };
  const identities = new Set(left.map(({ key, ts }) => `${key} ${(ts as Date).getTime()}`));
  const isKnown = ({ line }: LoadedRow) => identities.has(`${line.key} ${line.timeMs}`);
  return { fresh: rows.filter((row) => !isKnown(row)), known: rows.filter(isKnown) };
}

const COLUMNS =
  'ts, key, channel_id, user_id, name_id, template_id, received_ms, type, flags, text, rest, reply_key, thread_key, ' +
  'command, command_status, command_error, media, deleted_at, deleted_by';

function* copyChunks(rows: readonly LoadedRow[]): Generator<Buffer> {
  let chunk = '';
  for (const row of rows) {
    chunk += copyRow(row);
    if (chunk.length < CHUNK_CHARS) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  if (chunk !== '') yield Buffer.from(chunk);
}

/** A row in COPY's text format: https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.2 */
function copyRow({ line, channelId, userId, nameId, templateId, removed }: LoadedRow): string {
  const { command } = line;
  return (
    `${time(line.timeMs)}\t${line.key}\t${channelId}\t${orNull(userId)}\t${orNull(nameId)}\t${orNull(templateId)}\t` +
    `${orNull(line.receivedMs)}\t${typeNumber(line.type)}\t${line.flags}\t${escaped(line.text)}\t` +
    `${escaped(line.rest)}\t${orNull(line.replyKey)}\t${orNull(line.threadKey)}\t${escaped(command?.name)}\t` +
    `${escaped(command?.status)}\t${escaped(command?.error)}\t${escaped(line.media)}\t` +
    `${removed ? time(removed.timeMs) : NULL}\t${orNull(removed?.key)}\n`
  );
}

const NULL = '\\N';
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function orNull(value: string | number | undefined): string {
  return value === undefined ? NULL : String(value);
}

function escaped(text: string | undefined): string {
  if (text === undefined) return NULL;
  return /[\\\n\r\t]/.test(text) ? text.replace(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : text;
}

function time(ms: number): string {
  return formatTimestamp(ms);
}
