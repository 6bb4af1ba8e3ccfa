/**
 * What later lines say of a message: its edits, its delivery states. All of them are kept; the message shows the latest,
 * in whatever order they and the message come.
 */
import type { Session } from '../database/database.ts';
import { databaseText } from '../database-text.ts';
import type { LoadedRow } from '../loaded-rows.ts';
import { messageKey } from '../message-key.ts';
import type { Mentions } from './mentions.ts';

interface Change {
  messageKey: string;
  timeMs: number;
  key: string;
  channelId: number;
  /** The new text, or the state. */
  text: string;
  /** Why it failed. */
  error: string | null;
}

const STATUS_CHARS_MAX = 64;
const ERROR_CHARS_MAX = 1_000;

/** After these rows, which are new, were inserted. */
export async function applyChanges(
  session: Session,
  fresh: readonly LoadedRow[],
  mentions: Pick<Mentions, 'edited' | 'reported'>,
): Promise<void> {
  const edits = fresh.filter(({ line }) => line.type === 'edit').flatMap(editOf);
  await insertEdits(session, edits);
  const edited = changedKeys(mentions.edited, edits);
  if (edited.length > 0) await session.query(LATEST_EDIT, [edited]);
  const states = fresh.filter(({ line }) => line.type === 'status').flatMap(statusOf);
  await insertStates(session, states);
  const reported = changedKeys(mentions.reported, states);
  if (reported.length > 0) await session.query(LATEST_STATUS, [reported]);
}

const LATEST_EDIT = `UPDATE messages m SET edited_at = e.ts, edited_text = e.text FROM (
    SELECT DISTINCT ON (message_key) message_key, ts, text FROM message_edits
    WHERE message_key = ANY($1::uuid[]) ORDER BY message_key, ts DESC, key DESC) e
  WHERE m.key = e.message_key AND (m.edited_at, m.edited_text) IS DISTINCT FROM (e.ts, e.text)`;

const LATEST_STATUS = `UPDATE messages m SET status = e.status FROM (
    SELECT DISTINCT ON (message_key) message_key, status FROM message_status
    WHERE message_key = ANY($1::uuid[]) ORDER BY message_key, ts DESC, key DESC) e
  WHERE m.key = e.message_key AND m.status IS DISTINCT FROM e.status`;

function changedKeys(before: readonly string[], changes: readonly Change[]): string[] {
  return [...new Set([...before, ...changes.map((change) => change.messageKey)])];
}

function editOf({ line, channelId }: LoadedRow): Change[] {
  const target = line.event.target_message_id;
  if (typeof target !== 'string' || target === '') return [];
  const { key, timeMs, text } = line;
  return [{ messageKey: messageKey(line.event.platform, target), timeMs, key, channelId, text, error: null }];
}

/** `platform_event` names the state, `reason` is the error (docs/record-format.md). */
function statusOf({ line, channelId }: LoadedRow): Change[] {
  const { target_message_id: target, platform_event: state, reason, platform } = line.event;
  if (typeof target !== 'string' || target === '' || typeof state !== 'string' || state === '') return [];
  const { key, timeMs } = line;
  const text = databaseText(state.slice(0, STATUS_CHARS_MAX).toLowerCase());
  const error = typeof reason === 'string' ? databaseText(reason.slice(0, ERROR_CHARS_MAX)) : null;
  return [{ messageKey: messageKey(platform, target), timeMs, key, channelId, text, error }];
}

async function insertEdits(session: Session, edits: readonly Change[]): Promise<void> {
  if (edits.length === 0) return;
  await session.query(
    `INSERT INTO message_edits (message_key, ts, key, channel_id, text)
     SELECT * FROM unnest($1::uuid[], $2::text[]::timestamptz[], $3::uuid[], $4::int[], $5::text[]) ON CONFLICT DO NOTHING`,
    columnsOf(edits),
  );
}

async function insertStates(session: Session, states: readonly Change[]): Promise<void> {
  if (states.length === 0) return;
  await session.query(
    `INSERT INTO message_status (message_key, ts, key, channel_id, status, error)
     SELECT * FROM unnest($1::uuid[], $2::text[]::timestamptz[], $3::uuid[], $4::int[], $5::text[], $6::text[])
     ON CONFLICT DO NOTHING`,
    [...columnsOf(states), states.map(({ error }) => error)],
  );
}

function columnsOf(changes: readonly Change[]): (string | number)[][] {
  return [
    changes.map((change) => change.messageKey),
    changes.map(({ timeMs }) => new Date(timeMs).toISOString()),
    changes.map(({ key }) => key),
    changes.map(({ channelId }) => channelId),
    changes.map(({ text }) => text),
  ];
}
