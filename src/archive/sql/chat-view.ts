/**
 * The views over chosen files, in SQL:
 *
 *     chat        typed columns; each line once. `type` is never NULL
 *     lines       `line` (JSON, with members that this version does not know) and `file`
 *     unreadable  how many lines of which file are none of the record format, and are not in `chat`
 *
 * Nothing is read before somebody asks.
 */
import type { ArchiveUser } from '../../archive-query/archive-request.ts';
import { formatTimestamp } from '../../lib/timestamp.ts';
import type { Selection } from '../selection.ts';
import { CHAT_COLUMNS } from './chat-columns.ts';

/** @param files paths without glob characters */
export function viewStatements(
  files: readonly string[],
  selection: Pick<Selection, 'fromMs' | 'toMs' | 'users'>,
): string[] {
  const shown = CHAT_COLUMNS.map(({ name }) =>
    name === 'type' ? `coalesce("type", 'message') AS "type"` : `"${name}"`,
  ).join(', ');
  return [
    `CREATE VIEW chat AS SELECT ${shown} FROM ${chatSource(files)} WHERE ${chatCondition(selection)}`,
    `CREATE VIEW lines AS SELECT json AS line, filename AS file FROM ${lineSource(files)} WHERE ${lineCondition(selection)}`,
    `CREATE VIEW unreadable AS SELECT filename AS file, count(*) AS lines FROM ${unreadableSource(files)} WHERE "timestamp" IS NULL GROUP BY filename`,
  ];
}

export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

export function sqlList(texts: readonly string[]): string {
  return `[${texts.map(sqlText).join(', ')}]`;
}

/** Members that are of another type than they should be are NULL; lines that are no JSON have no timestamp. */
function chatSource(files: readonly string[]): string {
  const columns = CHAT_COLUMNS.map(({ name, type }) => `"${name}": ${sqlText(type)}`).join(', ');
  if (files.length === 0)
    return `(SELECT ${CHAT_COLUMNS.map(({ name, type }) => `NULL::${type} AS "${name}"`).join(', ')} LIMIT 0)`;
  return `read_json(${sqlList(files)}, format = 'newline_delimited', records = true, ignore_errors = true, columns = {${columns}})`;
}

function lineSource(files: readonly string[]): string {
  if (files.length === 0) return '(SELECT NULL::JSON AS json, NULL::VARCHAR AS filename LIMIT 0)';
  return `read_ndjson_objects(${sqlList(files)}, ignore_errors = true, filename = true)`;
}

function unreadableSource(files: readonly string[]): string {
  if (files.length === 0) return '(SELECT NULL::TIMESTAMP AS "timestamp", NULL::VARCHAR AS filename LIMIT 0)';
  return `read_json(${sqlList(files)}, format = 'newline_delimited', records = true, ignore_errors = true, filename = true, columns = {"timestamp": 'TIMESTAMP'})`;
}

function chatCondition({ fromMs, toMs, users }: Pick<Selection, 'fromMs' | 'toMs' | 'users'>): string {
  const conditions = ['"timestamp" IS NOT NULL'];
  const time = (ms: number) => `TIMESTAMP ${sqlText(formatTimestamp(ms).replace('Z', ''))}`;
  if (fromMs !== undefined) conditions.push(`"timestamp" >= ${time(fromMs)}`);
  if (toMs !== undefined) conditions.push(`"timestamp" < ${time(toMs)}`);
  if (users.length > 0) conditions.push(`(${users.map(userCondition).join(' OR ')})`);
  return conditions.join(' AND ');
}

/** As `concerns` of `archive-request.ts`. */
function userCondition({ id, logins }: ArchiveUser): string {
  const names = logins.filter((login) => login !== '').map((login) => sqlText(login.toLowerCase()));
  const parts: string[] = [];
  if (id !== undefined) parts.push(`user_id = ${sqlText(id)} OR target_user_id = ${sqlText(id)}`);
  if (names.length > 0) {
    const nobodys = (column: string) => (id === undefined ? '' : ` AND coalesce(${column}, '') = ''`);
    const list = names.join(', ');
    parts.push(
      `lower(username) IN (${list})${nobodys('user_id')}`,
      `"type" IS DISTINCT FROM 'presence' AND lower(target) IN (${list})${nobodys('target_user_id')}`,
    );
  }
  return parts.length === 0 ? 'false' : parts.map((part) => `(${part})`).join(' OR ');
}

/** Times of the format compare as texts. */
function lineCondition({ fromMs, toMs }: Pick<Selection, 'fromMs' | 'toMs'>): string {
  const conditions = ['json IS NOT NULL'];
  const timestamp = `(json->>'$.timestamp')`;
  if (fromMs !== undefined) conditions.push(`${timestamp} >= ${sqlText(formatTimestamp(fromMs))}`);
  if (toMs !== undefined) conditions.push(`${timestamp} < ${sqlText(formatTimestamp(toMs))}`);
  return conditions.join(' AND ');
}
