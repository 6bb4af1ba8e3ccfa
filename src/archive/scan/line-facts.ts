/**
 * What orders and identifies a line, read from its bytes. Lines as Chatlog writes them are not parsed: the time stands at a
 * fixed place at the beginning, and a line that ends in `,"id":"X","received_at":"T"}` closes its outermost object there,
 * so that both are its own members whatever stands before them. Everything else goes through JSON.parse.
 *
 * Positions are those of a line in a larger buffer, `end` without the `\n`.
 */
import { type ChatEvent, eventIdentity } from '../../event.ts';
import { isUuid, lineKey, messageKey } from '../../index/message-key.ts';

const HEAD = Buffer.from('{"timestamp":"');
const TIME_BYTES = '2026-11-21T13:00:00.000Z'.length;
const RECEIVED = Buffer.from(',"received_at":"');
const TAIL_BYTES = RECEIVED.length + TIME_BYTES + 2;
const ID = Buffer.from(',"id":"');
const UUID_BYTES = 36;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSING_BRACE = 0x7d;

/** The line's `timestamp`, ms since the epoch; NaN where it has none, or is no line of ours. */
export function lineTime(bytes: Uint8Array, start: number, end: number): number {
  const at = start + HEAD.length;
  if (end - at > TIME_BYTES && bytes[at + TIME_BYTES] === QUOTE && bytes[end - 1] === CLOSING_BRACE) {
    const ms = beginsLikeLast(bytes, start) ? timeLikeLast(bytes, at) : timeOfHead(bytes, start);
    if (!Number.isNaN(ms)) return ms;
  }
  const timestamp = parsedLine(bytes, start, end)?.timestamp;
  return typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
}

/** How the last line began that told its time, up to the tens of minutes: `{"timestamp":"2026-11-21T13:0`. */
const lastHead = new Uint8Array(HEAD.length + '2026-11-21T13:0'.length);
let lastHeadMs = Number.NaN;

/** Neighbours mostly do. */
function beginsLikeLast(bytes: Uint8Array, start: number): boolean {
  // The end first: it is what differs.
  for (let index = lastHead.length - 1; index >= 0; index--)
    if (bytes[start + index] !== lastHead[index]) return false;
  return true;
}

/** Only what comes after the tens of minutes is read. */
function timeLikeLast(bytes: Uint8Array, at: number): number {
  if (bytes[at + 16] !== 0x3a || bytes[at + 19] !== 0x2e || bytes[at + 23] !== 0x5a) return Number.NaN;
  const second = digits(bytes, at + 17, 2);
  if (second >= 60) return Number.NaN;
  return lastHeadMs + digits(bytes, at + 15, 1) * 60_000 + second * 1_000 + digits(bytes, at + 20, 3);
}

function timeOfHead(bytes: Uint8Array, start: number): number {
  if (!holds(bytes, HEAD, start)) return Number.NaN;
  const ms = timeAt(bytes, start + HEAD.length);
  if (Number.isNaN(ms)) return Number.NaN;
  lastHead.set(bytes.subarray(start, start + lastHead.length));
  lastHeadMs = Math.floor(ms / 600_000) * 600_000;
  return ms;
}

/** The event, where the line is one: a JSON object. */
export function parsedLine(bytes: Uint8Array, start: number, end: number): ChatEvent | undefined {
  try {
    const value: unknown = JSON.parse(textOf(bytes, start, end, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as ChatEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

export interface LineKey {
  /** Ms since the epoch; undefined where the line does not say. */
  receivedMs: number | undefined;
  /** As in the index (`message-key.ts`); '' where nothing but its bytes identifies the line: see {@link repeatKey}. */
  key: string;
}

/** @param platform as in the lines */
export function lineFacts(bytes: Uint8Array, start: number, end: number, platform: string): LineKey {
  const tail = end - TAIL_BYTES;
  if (tail > start && bytes[end - 1] === CLOSING_BRACE && holds(bytes, RECEIVED, tail)) {
    const receivedMs = timeAt(bytes, tail + RECEIVED.length);
    const id = Number.isNaN(receivedMs) ? '' : idBefore(bytes, start, tail);
    if (id !== '') return { receivedMs, key: messageKey(platform, id) };
  }
  const event = parsedLine(bytes, start, end);
  if (!event) return { receivedMs: undefined, key: '' };
  const receivedMs = typeof event.received_at === 'string' ? Date.parse(event.received_at) : Number.NaN;
  const identity = identityOf(event);
  return {
    receivedMs: Number.isNaN(receivedMs) ? undefined : receivedMs,
    key: identity === '' ? '' : messageKey(platform, identity),
  };
}

/** The key of a line that nothing else identifies; `repeats` lines before it in its segment were the same. */
export function repeatKey(line: Buffer, platform: string, repeats: number): string {
  return lineKey(platform, line, repeats);
}

function identityOf(event: ChatEvent): string {
  const { id } = event;
  return id === undefined || typeof id === 'string' ? eventIdentity(event) : '';
}

/** The text of `,"id":"X"` that ends at `end`; '' where there is none, or one with escapes in it. */
function idBefore(bytes: Uint8Array, start: number, end: number): string {
  if (bytes[end - 1] !== QUOTE) return '';
  const uuid = end - 1 - UUID_BYTES;
  if (uuid - ID.length > start && holds(bytes, ID, uuid - ID.length)) {
    const text = textOf(bytes, uuid, end - 1, 'latin1');
    if (isUuid(text)) return text;
  }
  let from = end - 2;
  while (from > start && bytes[from] !== QUOTE) {
    if (bytes[from] === BACKSLASH) return '';
    from--;
  }
  if (from - ID.length + 1 <= start || !holds(bytes, ID, from - ID.length + 1)) return '';
  return textOf(bytes, from + 1, end - 1, 'utf8');
}

function holds(bytes: Uint8Array, part: Uint8Array, at: number): boolean {
  for (let index = 0; index < part.length; index++) if (bytes[at + index] !== part[index]) return false;
  return true;
}

function textOf(bytes: Uint8Array, start: number, end: number, encoding: 'utf8' | 'latin1'): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString(encoding);
}

let lastDay = Number.NaN;
let lastDayMs = Number.NaN;

/** `2026-11-21T13:00:00.123Z` at this place, ms since the epoch; NaN for anything else. */
function timeAt(bytes: Uint8Array, at: number): number {
  const day = digits(bytes, at, 4) * 10_000 + digits(bytes, at + 5, 2) * 100 + digits(bytes, at + 8, 2);
  const hour = digits(bytes, at + 11, 2);
  const minute = digits(bytes, at + 14, 2);
  const second = digits(bytes, at + 17, 2);
  if (!(hour < 24 && minute < 60 && second < 60) || !hasMarks(bytes, at)) return Number.NaN;
  if (day !== lastDay) {
    lastDay = day;
    lastDayMs = Date.parse(textOf(bytes, at, at + 10, 'latin1'));
  }
  return lastDayMs + hour * 3_600_000 + minute * 60_000 + second * 1_000 + digits(bytes, at + 20, 3);
}

function hasMarks(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at + 4] === 0x2d &&
    bytes[at + 7] === 0x2d &&
    bytes[at + 10] === 0x54 &&
    bytes[at + 13] === 0x3a &&
    bytes[at + 16] === 0x3a &&
    bytes[at + 19] === 0x2e &&
    bytes[at + 23] === 0x5a
  );
}

/** NaN where one is none. */
function digits(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = at; index < at + count; index++) {
    const digit = bytes[index]! - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
