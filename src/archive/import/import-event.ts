/** Events of imported records: their members in the order of every line, and ids for those that have none. */
import { createHash } from 'node:crypto';
import type { ChatEvent } from '../../event.ts';
import { formatTimestamp } from '../../lib/timestamp.ts';
import type { Reading } from './import-format.ts';

/** What a record says, but for when and where. */
export type Draft = Omit<Partial<ChatEvent>, 'timestamp' | 'platform' | 'source' | 'received_at'>;

/** Where a source's records belong. */
export interface Place {
  platform: string;
  channel: string;
}

/** @param exactMs as in {@link Reading} */
export function reading(draft: Draft, place: Place, timeMs: number | undefined, exactMs: number): Reading {
  const isTime = timeMs !== undefined && Number.isFinite(timeMs);
  if (!isTime) return { reject: 'its time cannot be told' };
  return { event: importedEvent(draft, place, timeMs), exactMs };
}

/** In the order of `event.ts`; what is undefined is not written. */
export function importedEvent(draft: Draft, place: Place, timeMs: number): ChatEvent {
  return {
    timestamp: formatTimestamp(timeMs),
    channel: draft.channel ?? place.channel,
    username: draft.username ?? '',
    user_id: draft.user_id ?? '',
    message: draft.message ?? '',
    platform: place.platform,
    type: draft.type,
    direction: draft.direction,
    action: draft.action,
    reply_to: draft.reply_to,
    emotes: draft.emotes,
    display_name: draft.display_name,
    badges: draft.badges,
    media: draft.media,
    command: draft.command,
    moderator: draft.moderator,
    target: draft.target,
    target_user_id: draft.target_user_id,
    target_message_id: draft.target_message_id,
    duration_seconds: draft.duration_seconds,
    reason: draft.reason,
    system_message: draft.system_message,
    source: 'import',
    platform_event: draft.platform_event,
    prefix: draft.prefix,
    tags: draft.tags,
    id: draft.id,
    received_at: undefined,
    raw: draft.raw,
    raw_base64: draft.raw_base64,
  };
}

/** Of so many events that are equal, all have an id of their own. */
export const OCCURRENCES_MAX = 0xffffff;
const DIGEST_DIGITS = 24;

/**
 * The id of an event that its platform gave none, made of what it says, whatever format said it: a UUID of version 8
 * (RFC 9562) of a digest, and how many equal ones stand before it in its source, in the last 24 bits.
 */
export function importId(event: ChatEvent, occurrence: number): string {
  const { platform, channel, timestamp, username, type, action, message, target, reason, raw } = event;
  const said = [
    platform,
    channel,
    timestamp,
    username.toLowerCase(),
    type,
    action,
    message,
    target,
    reason,
    raw,
  ];
  const { duration_seconds: seconds, system_message: sentence, platform_event: name } = event;
  const text = JSON.stringify([...said, seconds, sentence, name]);
  const hex = createHash('sha256').update(text).digest('hex').slice(0, DIGEST_DIGITS);
  return withOccurrence(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-8${hex.slice(15, 18)}-${hex.slice(18, 24)}`,
    occurrence,
  );
}

const IMPORT_ID = /^([0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{6})([0-9a-f]{6})$/;

/** What {@link importId} made an id of; undefined for any other id. */
export function parseImportId(id: string): { digest: string; occurrence: number } | undefined {
  const match = IMPORT_ID.exec(id);
  return match ? { digest: match[1]!, occurrence: Number.parseInt(match[2]!, 16) } : undefined;
}

/** @param digest as {@link parseImportId} gives it */
export function withOccurrence(digest: string, occurrence: number): string {
  return digest + occurrence.toString(16).padStart(6, '0');
}
