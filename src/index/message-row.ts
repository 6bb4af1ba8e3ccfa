/**
 * From a line of the archive to what the index keeps of it, and back, byte for byte. Reading a line needs no database:
 * channel, user and template go by their names here; the loader turns them into ids.
 */
import { isUtf8 } from 'node:buffer';
import { type ChatEvent, EVENT_TYPES, type EventType, eventIdentity } from '../event.ts';
import { formatTimestamp } from '../lib/timestamp.ts';
import { userKeyOf } from '../privacy/privacy-gate.ts';
import { databaseText, plainText } from './database-text.ts';
import type { IdenticalLines } from './identical-lines.ts';
import { commandOf, flagsOf, mediaOf } from './line-fields.ts';
import { type ColumnMember, type IsInColumn, joinLine, splitLine, THREAD_TAG } from './line-template.ts';
import { isUuid, lineKey, messageKey } from './message-key.ts';
import type { StoredRow } from './stored-row.ts';

/** A line, read. Texts are {@link databaseText}; times in ms since the epoch. */
export interface IndexedLine {
  event: ChatEvent;
  timeMs: number;
  key: string;
  type: EventType;
  platform: string;
  channel: string;
  /** Who acted; undefined where the line names nobody. */
  userKey: string | undefined;
  /** Undefined where the line has no `username`. */
  login: string | undefined;
  /** '' where the line has none. */
  displayName: string;
  /** Undefined: `rest` is the whole line. */
  template: string | undefined;
  rest: string | undefined;
  /** `received_at` less `timestamp`. */
  receivedMs: number | undefined;
  flags: number;
  text: string;
  replyKey: string | undefined;
  threadKey: string | undefined;
  command: { name: string; status: string | undefined; error: string | undefined } | undefined;
  /** JSON. */
  media: string | undefined;
}

/** Names in indexes have to be short (two of them at most 2,700 bytes); nothing real is longer. */
const NAME_CHARS_MAX = 200;
const NAME_BYTES_MAX = 800;
/** Longer texts are cut in `text` (the line has the whole): a tsvector holds a megabyte at most. */
const TEXT_CHARS_MAX = 50_000;
const INT4_MAX = 2_147_483_647;

/** Why a line cannot be in the index; it stays in its file. */
export interface RejectedLine {
  rejected: string;
}

/** `repeats` counts lines of this segment that are the same. Never throws. */
export function indexLine(line: Buffer, repeats: IdenticalLines): IndexedLine | RejectedLine {
  if (!isUtf8(line)) return { rejected: 'not UTF-8' };
  const text = line.toString('utf8');
  const event = parseEvent(text);
  if (typeof event === 'string') return { rejected: event };
  const timeMs = Date.parse(event.timestamp);
  if (Number.isNaN(timeMs)) return { rejected: 'its timestamp is none' };
  return read(event, timeMs, text, keyOf(event, line, text, repeats));
}

/** The event, or what is wrong. */
function parseEvent(line: string): ChatEvent | string {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return 'not an object';
  const { timestamp, channel, username, user_id, message, platform, type } = event as Record<string, unknown>;
  if (typeof timestamp !== 'string') return 'without timestamp';
  if (!isName(channel) || !isName(username) || !isName(user_id) || !isName(platform))
    return 'channel, username, user_id and platform should be texts of ordinary length';
  if (typeof message !== 'string') return 'message should be a text';
  if (type !== undefined && !isType(type)) return 'of an unknown type';
  return event as ChatEvent;
}

function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > NAME_CHARS_MAX) return false;
  // Hardly a name is long enough to be measured.
  return value.length < 50 || Buffer.byteLength(databaseText(value)) <= NAME_BYTES_MAX;
}

const TYPES: ReadonlySet<unknown> = new Set(EVENT_TYPES);

function isType(value: unknown): value is EventType {
  return TYPES.has(value);
}

function keyOf(event: ChatEvent, line: Buffer, text: string, repeats: IdenticalLines): string {
  const identity = textOf(eventIdentity(event));
  if (identity === undefined)
    return lineKey(event.platform, line, repeats.countBefore(text, event.received_at));
  repeats.pass(event.received_at);
  return messageKey(event.platform, identity);
}

function read(event: ChatEvent, timeMs: number, line: string, key: string): IndexedLine {
  const { platform, channel, username, user_id, message, reply_to } = event;
  const type = event.type ?? 'message';
  const receivedMs = receivedAfterMs(event.received_at, timeMs);
  const thread = threadOf(event);
  // What is written otherwise than we write it does not come back out of its members.
  const isOurs = JSON.stringify(event) === line;
  const split = isOurs ? splitLine(event as never, columnsOf(event, timeMs, receivedMs)) : undefined;
  return {
    event,
    timeMs,
    key,
    type,
    platform: databaseText(platform),
    channel: databaseText(channel),
    userKey: user_id === '' && username === '' ? undefined : databaseText(userKeyOf(user_id, username)),
    login: username === '' ? undefined : databaseText(username),
    displayName: username !== '' && isDisplayName(event.display_name) ? databaseText(event.display_name) : '',
    template: split?.template,
    rest: split ? split.rest : line,
    receivedMs,
    flags: flagsOf(event),
    text: databaseText(message.length > TEXT_CHARS_MAX ? message.slice(0, TEXT_CHARS_MAX) : message),
    replyKey: textOf(reply_to) === undefined ? undefined : messageKey(platform, reply_to!),
    threadKey: thread === undefined ? undefined : messageKey(platform, thread),
    command: type === 'message' ? commandOf(event) : undefined,
    media: mediaOf(event),
  };
}

function threadOf({ tags }: ChatEvent): string | undefined {
  return typeof tags === 'object' && tags !== null ? textOf(tags[THREAD_TAG]) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function isDisplayName(value: unknown): value is string {
  return isName(value) && value !== '';
}

function receivedAfterMs(receivedAt: unknown, timeMs: number): number | undefined {
  const ms = typeof receivedAt === 'string' ? Date.parse(receivedAt) - timeMs : Number.NaN;
  return Math.abs(ms) <= INT4_MAX ? ms : undefined;
}

/** Which members' columns give them back as they are. */
function columnsOf(event: ChatEvent, timeMs: number, receivedMs: number | undefined): IsInColumn {
  return (member, value) => {
    switch (member) {
      case 'channel':
      case 'platform':
        return true;
      case 'timestamp':
        return value === formatTimestamp(timeMs);
      case 'received_at':
        return receivedMs !== undefined && value === formatTimestamp(timeMs + receivedMs);
      case 'message':
        return event.message.length <= TEXT_CHARS_MAX;
      case 'user_id':
      case 'username':
        return value !== '';
      case 'display_name':
        return event.username !== '' && isDisplayName(value);
      case 'id':
      case 'reply_to':
      case THREAD_TAG:
        return isUuid(value);
      default:
        return false;
    }
  };
}

/** The line's event, its members in the line's order. */
export function storedEvent(row: StoredRow): ChatEvent {
  if (row.template === null) return JSON.parse(row.rest!) as ChatEvent;
  return joinLine(row.template, row.rest, (member) => columnValue(row, member)) as unknown as ChatEvent;
}

/** The line itself, without its line end. */
export function storedLine(row: StoredRow): string {
  return row.template === null ? row.rest! : JSON.stringify(storedEvent(row));
}

function columnValue(row: StoredRow, member: ColumnMember): string {
  switch (member) {
    case 'timestamp':
      return formatTimestamp(row.ts.getTime());
    case 'received_at':
      return formatTimestamp(row.ts.getTime() + row.received_ms!);
    case 'channel':
      return plainText(row.channel);
    case 'platform':
      return plainText(row.platform);
    case 'username':
      return plainText(row.login!);
    case 'user_id':
      return plainText(row.user_key!);
    case 'display_name':
      return plainText(row.display_name!);
    case 'message':
      return plainText(row.text);
    case 'id':
      return row.key;
    case 'reply_to':
      return row.reply_key!;
    case THREAD_TAG:
      return row.thread_key!;
  }
}
