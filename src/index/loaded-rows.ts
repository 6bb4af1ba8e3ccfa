/** Rows into `messages`, by COPY: what is there already is told apart before. */
import { formatTimestamp } from '../lib/timestamp.ts';
import type { Session } from './database/database.ts';
import { typeNumber } from './event-numbers.ts';
import type { RowIds } from './index-ids.ts';
import type { IndexedLine } from './message-row.ts';
import { spanColumns, spansOfChannels } from './time-spans.ts';

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

/** COPY is sent in pieces of about this size. */
const CHUNK_CHARS = 64 * 1024;

/**
 * Tells rows that are in the index already from those that are not; under the lock of loading that stays so. Where a
 * channel has nothing yet of the time of its rows they are taken for new, unless `everywhere`: that one of them is there
 * as another channel's is so rare that {@link copyRows} finds it out.
 */
export async function separateKnown(
  session: Session,
  rows: readonly LoadedRow[],
  everywhere: boolean,
): Promise<{ fresh: LoadedRow[]; known: LoadedRow[] }> {
  const channels = await channelsWithRows(session, rows);
  const suspect = everywhere ? rows : rows.filter(({ channelId }) => channels.has(channelId));
  if (suspect.length === 0) return { fresh: [...rows], known: [] };
  const { rows: found } = await session.query(
    `SELECT m.key, m.ts FROM unnest($1::uuid[], $2::text[]::timestamptz[]) AS k(key, ts)
     JOIN messages m ON m.key = k.key AND m.ts = k.ts AND m.ts BETWEEN $3::text::timestamptz AND $4::text::timestamptz`,
    [
      suspect.map(({ line }) => line.key),
      suspect.map(({ line }) => formatTimestamp(line.timeMs)),
      ...timesOf(rows),
    ],
  );
  if (found.length === 0) return { fresh: [...rows], known: [] };
  const identities = new Set(found.map(({ key, ts }) => `${key} ${(ts as Date).getTime()}`));
  const isKnown = ({ line }: LoadedRow) => identities.has(`${line.key} ${line.timeMs}`);
  return { fresh: rows.filter((row) => !isKnown(row)), known: rows.filter(isKnown) };
}

/** Channels of these rows that have rows between the first and the last of them. */
async function channelsWithRows(session: Session, rows: readonly LoadedRow[]): Promise<Set<number>> {
  const spans = spansOfChannels(rows);
  const { rows: found } = await session.query(
    `SELECT s.channel_id FROM unnest($1::int[], $2::text[]::timestamptz[], $3::text[]::timestamptz[]) AS s(channel_id, from_ts, to_ts)
     WHERE EXISTS (SELECT 1 FROM messages m WHERE m.channel_id = s.channel_id AND m.ts BETWEEN s.from_ts AND s.to_ts
       AND m.ts BETWEEN $4::text::timestamptz AND $5::text::timestamptz)`,
    [...spanColumns(spans), ...timesOf(rows)],
  );
  return new Set(found.map((row) => row.channel_id as number));
}

/** The first and the last time of rows in their order: by them the planner knows which partitions matter. */
function timesOf(rows: readonly LoadedRow[]): [string, string] {
  return [formatTimestamp(rows[0]!.line.timeMs), formatTimestamp(rows.at(-1)!.line.timeMs)];
}

/** Rows that are not in the index; `database_conflict` where one is. `onRow` is called for each, once, in their order. */
export async function copyRows(
  session: Session,
  rows: readonly LoadedRow[],
  onRow: (row: LoadedRow) => void,
): Promise<void> {
  await session.copyIn(`messages (${COLUMNS})`, copyChunks(rows, onRow));
}

const COLUMNS =
  'ts, key, channel_id, user_id, name_id, template_id, received_ms, type, flags, text, rest, reply_key, thread_key, ' +
  'command, command_status, command_error, media, deleted_at, deleted_by';

function* copyChunks(rows: readonly LoadedRow[], onRow: (row: LoadedRow) => void): Generator<Buffer> {
  let chunk = '';
  for (const row of rows) {
    onRow(row);
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
    `${formatTimestamp(line.timeMs)}\t${line.key}\t${channelId}\t${orNull(userId)}\t${orNull(nameId)}\t${orNull(templateId)}\t` +
    `${orNull(line.receivedMs)}\t${typeNumber(line.type)}\t${line.flags}\t${escaped(line.text)}\t` +
    `${escaped(line.rest)}\t${orNull(line.replyKey)}\t${orNull(line.threadKey)}\t${escaped(command?.name)}\t` +
    `${escaped(command?.status)}\t${escaped(command?.error)}\t${escaped(line.media)}\t` +
    `${removed ? formatTimestamp(removed.timeMs) : NULL}\t${orNull(removed?.key)}\n`
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
