/** Moderation as rows of `mod_actions`. */
import { userKeyOf } from '../../privacy/privacy-gate.ts';
import type { Session } from '../database/database.ts';
import { databaseText } from '../database-text.ts';
import { typeNumber } from '../event-numbers.ts';
import type { IndexIds } from '../index-ids.ts';
import type { LoadedRow } from '../loaded-rows.ts';
import { messageKey } from '../message-key.ts';
import type { IndexedLine } from '../message-row.ts';
import { isModeration } from './moderation-types.ts';

/** A moderation action, as its line says it. */
export interface ModAction {
  key: string;
  timeMs: number;
  channelId: number;
  type: IndexedLine['type'];
  targetUserId: number | undefined;
  targetLogin: string | undefined;
  moderator: string | undefined;
  durationSeconds: number | undefined;
  reason: string | undefined;
  /** Of the message that was removed. */
  targetKey: string | undefined;
}

/** The moderator is part of an index. */
const TEXT_CHARS_MAX = 200;

/**
 * Whom an action is about, as a user of the index: undefined for nobody, and where only the removed message tells who
 * it was (Twitch names the login alone: the user is looked up by the message).
 */
export function targetUserKey({ event, type }: IndexedLine): string | undefined {
  if (!isModeration(type)) return undefined;
  const id = textOf(event.target_user_id) ?? '';
  const login = textOf(event.target) ?? '';
  if (id === '' && (login === '' || textOf(event.target_message_id))) return undefined;
  return databaseText(userKeyOf(id, login));
}

export function modActionsOf(rows: readonly LoadedRow[], ids: IndexIds): ModAction[] {
  return rows.filter(({ line }) => isModeration(line.type)).map((row) => modActionOf(row, ids));
}

function modActionOf({ line, channelId }: LoadedRow, ids: IndexIds): ModAction {
  const { event, key, timeMs, type, platform } = line;
  const userKey = targetUserKey(line);
  const targetId = textOf(event.target_message_id);
  return {
    key,
    timeMs,
    channelId,
    type,
    targetUserId: userKey === undefined ? undefined : ids.userId(platform, userKey),
    targetLogin: textOf(event.target),
    moderator: textOf(event.moderator),
    durationSeconds: typeof event.duration_seconds === 'number' ? event.duration_seconds : undefined,
    reason: textOf(event.reason),
    targetKey: targetId === undefined ? undefined : messageKey(event.platform, targetId),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? databaseText(value.slice(0, TEXT_CHARS_MAX)) : undefined;
}

export async function insertModActions(session: Session, actions: readonly ModAction[]): Promise<void> {
  if (actions.length === 0) return;
  const column = <T>(of: (action: ModAction) => T | undefined) => actions.map((action) => of(action) ?? null);
  await session.query(
    `INSERT INTO mod_actions (ts, key, channel_id, type, target_user_id, target_login, moderator, duration_seconds, reason, target_key)
     SELECT * FROM unnest($1::text[]::timestamptz[], $2::uuid[], $3::int[], $4::int[]::smallint[], $5::int[], $6::text[],
       $7::text[], $8::float8[], $9::text[], $10::uuid[])
     ON CONFLICT DO NOTHING`,
    [
      column(({ timeMs }) => new Date(timeMs).toISOString()),
      column(({ key }) => key),
      column(({ channelId }) => channelId),
      column(({ type }) => typeNumber(type)),
      column(({ targetUserId }) => targetUserId),
      column(({ targetLogin }) => targetLogin),
      column(({ moderator }) => moderator),
      column(({ durationSeconds }) => durationSeconds),
      column(({ reason }) => reason),
      column(({ targetKey }) => targetKey),
    ],
  );
}
