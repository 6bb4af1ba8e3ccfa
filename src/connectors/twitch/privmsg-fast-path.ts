/**
 * The one line that makes up nearly all of chat, in one pass over its characters: a PRIVMSG whose tags are sorted,
 * each with a value, without escapes, in exactly Twitch's spacing. Such a line needs no proof that it can be rebuilt:
 * sorted tags are the rebuilt order, and every value goes back as it came. Anything else is left to the general
 * parser; `twitch-line.test.ts` holds both against each other.
 *
 * Most lines have the same few orders of tags, so those seen lately are tried first: their keys are compared in place
 * rather than cut out, hashed and interned for every line.
 */
import type { CapturedEvent, ChatEvent, Emote } from '../../event.ts';
import { formatTimestamp, isCredible } from '../../lib/timestamp.ts';

const AT = 0x40;
const DASH = 0x2d;
const COMMA = 0x2c;
const COLON = 0x3a;
const SLASH = 0x2f;

const PREFIX_TAIL = '.tmi.twitch.tv PRIVMSG #';
/** Twitch logins have at most 25 characters; what is far longer is no login. */
const LOGIN_MAX = 64;

/** Tags that become members of the event, where they are not empty. */
const MEMBER_TAGS = [
  'badges',
  'display-name',
  'emotes',
  'id',
  'reply-parent-msg-id',
  'tmi-sent-ts',
  'user-id',
];
const NOT_A_MEMBER = -1;
const BADGES = 0;
const DISPLAY_NAME = 1;
const EMOTES = 2;
const ID = 3;
const REPLY_PARENT = 4;
const SENT = 5;
const USER_ID = 6;

/** One order of tags: key with its `=`, key alone, and which member it becomes. */
interface TagOrder {
  keysEq: string[];
  keys: string[];
  members: number[];
}

/** The orders seen lately, the last one first. */
const orders: TagOrder[] = [];
const ORDERS_MAX = 8;
const members: string[] = new Array(MEMBER_TAGS.length).fill('');

/** Undefined where the line is not of the plain kind. Not re-entrant, as nothing in a parser is. */
export function parsePlainPrivmsg(
  line: string,
  receivedAtMs: number,
  source: 'backfill' | undefined,
): CapturedEvent | undefined {
  const tagsEnd = line.indexOf(' ');
  if (tagsEnd < 0 || line.charCodeAt(0) !== AT || line.charCodeAt(tagsEnd + 1) !== COLON) return undefined;
  const prefixStart = tagsEnd + 2;
  const bang = line.indexOf('!', prefixStart);
  const username = line.slice(prefixStart, bang);
  // `login!login@login.tmi.twitch.tv PRIVMSG #`
  const at = bang + 1 + username.length;
  const channelStart = at + 1 + username.length + PREFIX_TAIL.length;
  if (bang < 0 || username.length === 0 || username.length > LOGIN_MAX || /[ @]/.test(username))
    return undefined;
  if (!line.startsWith(username, bang + 1) || line.charCodeAt(at) !== AT) return undefined;
  if (!line.startsWith(username, at + 1) || !line.startsWith(PREFIX_TAIL, channelStart - PREFIX_TAIL.length))
    return undefined;
  const channelEnd = line.indexOf(' ', channelStart);
  if (channelEnd <= channelStart || line.charCodeAt(channelEnd + 1) !== COLON) return undefined;

  // What is escaped when it is written is not given back as it came.
  if (isIn(line, '\\', tagsEnd) || isIn(line, '\r', tagsEnd) || isIn(line, '\n', tagsEnd)) return undefined;
  const tags = readTags(line, tagsEnd);
  if (!tags) return undefined;
  return capture(
    line,
    tags,
    username,
    line.slice(channelStart, channelEnd),
    channelEnd + 2,
    receivedAtMs,
    source,
  );
}

function capture(
  line: string,
  tags: Record<string, string>,
  username: string,
  channel: string,
  textStart: number,
  receivedAtMs: number,
  source: 'backfill' | undefined,
): CapturedEvent | undefined {
  const sent = members[SENT]!;
  const timeMs = Number(sent);
  // A time that is missing or not believed is the general parser's.
  if (sent.length !== 13 || !isCredible(timeMs, receivedAtMs) || String(timeMs) !== sent) return undefined;
  let emotes: Emote[] | undefined;
  if (members[EMOTES] !== '') {
    emotes = readEmotes(members[EMOTES]!);
    if (!emotes) return undefined;
  }
  const text = line.slice(textStart);
  const action =
    text.charCodeAt(0) === 1 && text.startsWith('\x01ACTION ') && text.endsWith('\x01') && text.length > 8;
  const badges = members[BADGES] === '' ? undefined : members[BADGES]!.split(',');
  const id = members[ID]!;
  const event: ChatEvent = {
    timestamp: formatTimestamp(timeMs),
    channel,
    username,
    user_id: members[USER_ID]!,
    message: action ? text.slice(8, -1) : text,
    platform: 'twitch',
    action: action ? true : undefined,
    reply_to: members[REPLY_PARENT] || undefined,
    emotes,
    display_name: members[DISPLAY_NAME] || undefined,
    badges,
    source,
    tags,
    id: id || undefined,
    received_at: formatTimestamp(receivedAtMs),
  };
  const unsampled = tags.mod === '1' || (badges?.some(isModeratorBadge) ?? false);
  return { event, timeMs, identity: id, unsampled, wireChars: line.length };
}

export function isModeratorBadge(badge: string): boolean {
  return (
    badge.startsWith('moderator/') || badge.startsWith('broadcaster/') || badge.startsWith('lead_moderator/')
  );
}

/** Fills {@link members} and returns the other tags. Undefined where the tags are not sorted, whole and plain. */
function readTags(line: string, end: number): Record<string, string> | undefined {
  for (let index = 0; index < orders.length; index++) {
    const order = orders[index]!;
    const tags = readTagsInOrder(line, end, order);
    if (!tags) continue;
    if (index > 0) {
      orders.splice(index, 1);
      orders.unshift(order);
    }
    return tags;
  }
  const order = learnOrder(line, end);
  if (!order) return undefined;
  if (orders.length === ORDERS_MAX) orders.pop();
  orders.unshift(order);
  return readTagsInOrder(line, end, order);
}

/** Undefined where the line has other tags, or in another order. */
function readTagsInOrder(line: string, end: number, order: TagOrder): Record<string, string> | undefined {
  const { keys, keysEq, members: memberOf } = order;
  const tags: Record<string, string> = {};
  members.fill('');
  let position = 1;
  for (let index = 0; index < keys.length; index++) {
    const keyEq = keysEq[index]!;
    if (!line.startsWith(keyEq, position)) return undefined;
    const valueStart = position + keyEq.length;
    let valueEnd = line.indexOf(';', valueStart);
    if (valueEnd < 0 || valueEnd > end) valueEnd = end;
    const value = line.slice(valueStart, valueEnd);
    const member = memberOf[index]!;
    // An empty tag stays among the tags.
    if (member === NOT_A_MEMBER || value === '') tags[keys[index]!] = value;
    else members[member] = value;
    position = valueEnd + 1;
  }
  return position === end + 1 ? tags : undefined;
}

function learnOrder(line: string, end: number): TagOrder | undefined {
  const order: TagOrder = { keysEq: [], keys: [], members: [] };
  let previous = '';
  for (const tag of line.slice(1, end).split(';')) {
    const equals = tag.indexOf('=');
    if (equals < 1) return undefined;
    const key = tag.slice(0, equals);
    const keyEq = `${key}=`;
    if (keyEq <= previous || key === '__proto__' || /^\d+$/.test(key)) return undefined;
    previous = keyEq;
    order.keysEq.push(keyEq);
    order.keys.push(key);
    order.members.push(MEMBER_TAGS.indexOf(key));
  }
  return order;
}

function isIn(line: string, character: string, end: number): boolean {
  const position = line.indexOf(character);
  return position >= 0 && position < end;
}

/** `25:0-4,12-16/1902:6-10`. Undefined where it would not read the same when written again. */
function readEmotes(value: string): Emote[] | undefined {
  const emotes: Emote[] = [];
  let position = 0;
  while (position <= value.length) {
    const colon = value.indexOf(':', position);
    if (colon <= position) return undefined;
    const emote: Emote = { id: value.slice(position, colon), ranges: [] };
    if (emote.id.includes('/')) return undefined;
    position = colon;
    do {
      const start = readNumber(value, position + 1);
      const dash = numberEnd;
      const end = value.charCodeAt(dash) === DASH ? readNumber(value, dash + 1) : -1;
      if (start < 0 || end < 0) return undefined;
      emote.ranges.push([start, end]);
      position = numberEnd;
    } while (value.charCodeAt(position) === COMMA);
    emotes.push(emote);
    if (position < value.length && value.charCodeAt(position) !== SLASH) return undefined;
    position++;
  }
  return emotes;
}

let numberEnd = 0;

/** A number of one to six digits without leading zeros, or -1; leaves its end in {@link numberEnd}. */
function readNumber(value: string, from: number): number {
  let position = from;
  let number = 0;
  for (; position < value.length && position < from + 6; position++) {
    const digit = value.charCodeAt(position) - 0x30;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  numberEnd = position;
  if (position === from || (position > from + 1 && value.charCodeAt(from) === 0x30)) return -1;
  return number;
}
