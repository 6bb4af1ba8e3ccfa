/**
 * Twitch's IRC lines to events, without I/O.
 *
 * Lossless: `rebuild-twitch-line.ts` gives the exact line back from every event made here. Tags that became
 * members of the event leave `tags`; Twitch sends its tags sorted, so that their places are known. Whether it
 * works is not assumed but tried on each line, and where the rebuilt line differs the original goes along as `raw`.
 *
 * Facts: https://dev.twitch.tv/docs/chat/irc and https://dev.twitch.tv/docs/irc/tags
 */
import { type CapturedEvent, type ChatEvent, type Emote, eventIdentity } from '../../event.ts';
import { formatTimestamp, isCredible } from '../../lib/timestamp.ts';
import { type IrcLine, parseTags, prefixNick, splitIrcLine } from '../irc-line.ts';
import { isModeratorBadge, parsePlainPrivmsg } from './privmsg-fast-path.ts';
import { rebuildTwitchLine, userPrefix } from './rebuild-twitch-line.ts';

/** The channel of lines that belong to none. */
const NO_CHANNEL = '*';

/** Never throws. `line` is without its line end; `receivedAtMs` in ms since the epoch. */
export function parseTwitchLine(line: string, receivedAtMs: number, source?: 'backfill'): CapturedEvent {
  return parsePlainPrivmsg(line, receivedAtMs, source) ?? parseAnyTwitchLine(line, receivedAtMs, source);
}

/** {@link parseTwitchLine} without its fast path. */
export function parseAnyTwitchLine(line: string, receivedAtMs: number, source?: 'backfill'): CapturedEvent {
  const parts = splitIrcLine(line);
  const tags = parseTags(parts.tags);
  const captured = tags && understand(parts, tags, receivedAtMs, source);
  if (!captured) return rawEvent(line, parts, receivedAtMs, source);
  if (rebuildTwitchLine(captured.event) !== line) captured.event.raw = line;
  return { ...captured, wireChars: line.length };
}

type Tags = Record<string, string | true>;

function understand(
  parts: IrcLine,
  tags: Tags,
  receivedAtMs: number,
  source: 'backfill' | undefined,
): CapturedEvent | undefined {
  const channel = channelOf(parts);
  if (channel === undefined) return undefined;
  const sentMs = takeTime(tags, receivedAtMs);
  const base = { channel, timeMs: sentMs ?? receivedAtMs, receivedAtMs, source };
  switch (parts.command) {
    case 'PRIVMSG':
      return parts.params.length === 2 ? privmsg(parts, tags, base) : undefined;
    case 'USERNOTICE':
      return usernotice(parts, tags, base);
    case 'CLEARCHAT':
      return clearchat(parts, tags, base);
    case 'CLEARMSG':
      return clearmsg(parts, tags, base);
    case 'JOIN':
    case 'PART':
      return membership(parts, tags, base);
    case 'NOTICE':
    case 'HOSTTARGET':
      return plain('notice', parts, tags, base);
    case 'ROOMSTATE':
      return plain('room', parts, tags, base);
    case 'WHISPER':
      return plain('private', parts, tags, base);
    default:
      return undefined;
  }
}

/** What every line says, whatever its command. */
interface Base {
  channel: string;
  timeMs: number;
  receivedAtMs: number;
  source: 'backfill' | undefined;
}

function privmsg(parts: IrcLine, tags: Tags, base: Base): CapturedEvent {
  const text = parts.params[1]!;
  const action = text.startsWith('\x01ACTION ') && text.endsWith('\x01') && text.length > 8;
  const username = prefixNick(parts.prefix);
  const id = take(tags, 'id');
  const userId = take(tags, 'user-id');
  const badges = takeBadges(tags);
  const event: ChatEvent = {
    timestamp: formatTimestamp(base.timeMs),
    channel: base.channel,
    username,
    user_id: userId ?? '',
    message: action ? text.slice(8, -1) : text,
    platform: 'twitch',
    action: action ? true : undefined,
    reply_to: take(tags, 'reply-parent-msg-id'),
    emotes: takeEmotes(tags),
    display_name: take(tags, 'display-name'),
    badges,
    source: base.source,
    prefix: parts.prefix === userPrefix(username) ? undefined : parts.prefix,
    tags,
    id,
    received_at: formatTimestamp(base.receivedAtMs),
  };
  return { event, timeMs: base.timeMs, identity: id ?? '', unsampled: isModerator(tags, badges) };
}

function usernotice(parts: IrcLine, tags: Tags, base: Base): CapturedEvent {
  const id = take(tags, 'id');
  const event: ChatEvent = {
    timestamp: formatTimestamp(base.timeMs),
    channel: base.channel,
    username: take(tags, 'login') ?? '',
    user_id: take(tags, 'user-id') ?? '',
    message: parts.params[1] ?? '',
    platform: 'twitch',
    type: 'notice',
    emotes: takeEmotes(tags),
    display_name: take(tags, 'display-name'),
    badges: takeBadges(tags),
    system_message: take(tags, 'system-msg'),
    source: base.source,
    platform_event: 'USERNOTICE',
    tags,
    id,
    received_at: formatTimestamp(base.receivedAtMs),
  };
  return { event, timeMs: base.timeMs, identity: id ?? '', unsampled: true };
}

/** https://dev.twitch.tv/docs/irc/commands/#clearchat: no target = the room, no duration = for good. */
function clearchat(parts: IrcLine, tags: Tags, base: Base): CapturedEvent {
  const target = parts.params[1];
  const duration = takeCount(tags, 'ban-duration');
  const event: ChatEvent = {
    timestamp: formatTimestamp(base.timeMs),
    channel: base.channel,
    username: '',
    user_id: '',
    message: '',
    platform: 'twitch',
    type: target === undefined ? 'clear' : duration === undefined ? 'ban' : 'timeout',
    received_at: formatTimestamp(base.receivedAtMs),
    target,
    target_user_id: take(tags, 'target-user-id'),
    duration_seconds: duration,
    source: base.source,
    tags,
  };
  return { event, timeMs: base.timeMs, identity: eventIdentity(event), unsampled: true };
}

function clearmsg(parts: IrcLine, tags: Tags, base: Base): CapturedEvent {
  const event: ChatEvent = {
    timestamp: formatTimestamp(base.timeMs),
    channel: base.channel,
    username: '',
    user_id: '',
    message: parts.params[1] ?? '',
    platform: 'twitch',
    type: 'delete',
    received_at: formatTimestamp(base.receivedAtMs),
    target: take(tags, 'login'),
    target_message_id: take(tags, 'target-msg-id'),
    source: base.source,
    tags,
  };
  return { event, timeMs: base.timeMs, identity: eventIdentity(event), unsampled: true };
}

function membership(parts: IrcLine, tags: Tags, base: Base): CapturedEvent {
  const username = prefixNick(parts.prefix);
  const event: ChatEvent = {
    timestamp: formatTimestamp(base.timeMs),
    channel: base.channel,
    username,
    user_id: '',
    message: '',
    platform: 'twitch',
    type: parts.command === 'JOIN' ? 'join' : 'part',
    received_at: formatTimestamp(base.receivedAtMs),
    source: base.source,
    prefix: parts.prefix === userPrefix(username) ? undefined : parts.prefix,
    tags: withoutEmpty(tags),
  };
  return { event, timeMs: base.timeMs, identity: '', unsampled: false };
}

/** Events that are rare or loosely specified: their members are read, the line is kept as it came. */
function plain(type: 'notice' | 'room' | 'private', parts: IrcLine, tags: Tags, base: Base): CapturedEvent {
  const fromUser = parts.prefix.includes('!');
  const event: ChatEvent = {
    timestamp: formatTimestamp(base.timeMs),
    channel: base.channel,
    username: fromUser ? prefixNick(parts.prefix) : '',
    user_id: (fromUser && take(tags, 'user-id')) || '',
    message: parts.params[1] ?? '',
    platform: 'twitch',
    type,
    received_at: formatTimestamp(base.receivedAtMs),
    source: base.source,
    platform_event: parts.command,
    tags: withoutEmpty(tags),
  };
  return { event, timeMs: base.timeMs, identity: '', unsampled: true };
}

function rawEvent(
  line: string,
  parts: IrcLine,
  receivedAtMs: number,
  source: 'backfill' | undefined,
): CapturedEvent {
  const event: ChatEvent = {
    timestamp: formatTimestamp(receivedAtMs),
    channel: channelOf(parts) ?? NO_CHANNEL,
    username: '',
    user_id: '',
    message: '',
    platform: 'twitch',
    type: 'raw',
    received_at: formatTimestamp(receivedAtMs),
    source,
    raw: line,
  };
  return { event, timeMs: receivedAtMs, identity: '', unsampled: true, wireChars: line.length };
}

/** The login of `#login`, `*` for lines addressed to nobody's channel; undefined where the target is missing. */
function channelOf(parts: IrcLine): string | undefined {
  const target = parts.params[0];
  if (target === undefined) return undefined;
  return target.length > 1 && target.charCodeAt(0) === 0x23 ? target.slice(1) : NO_CHANNEL;
}

function isModerator(tags: Tags, badges: string[] | undefined): boolean {
  if (tags.mod === '1') return true;
  return badges?.some(isModeratorBadge) ?? false;
}

/** A tag's value, which leaves the tags; undefined where it is missing or empty (an empty tag stays where it is). */
function take(tags: Tags, key: string): string | undefined {
  const value = tags[key];
  if (typeof value !== 'string' || value === '') return undefined;
  delete tags[key];
  return value;
}

function takeTime(tags: Tags, nowMs: number): number | undefined {
  const value = tags['tmi-sent-ts'];
  if (typeof value !== 'string' || !/^[1-9]\d{11,14}$/.test(value)) return undefined;
  const ms = Number(value);
  if (!isCredible(ms, nowMs)) return undefined;
  delete tags['tmi-sent-ts'];
  return ms;
}

function takeCount(tags: Tags, key: string): number | undefined {
  const value = tags[key];
  if (typeof value !== 'string' || !/^(0|[1-9]\d{0,14})$/.test(value)) return undefined;
  delete tags[key];
  return Number(value);
}

function takeBadges(tags: Tags): string[] | undefined {
  return take(tags, 'badges')?.split(',');
}

/** `25:0-4,12-16/1902:6-10`; where it reads otherwise the tag stays. */
function takeEmotes(tags: Tags): Emote[] | undefined {
  const value = tags.emotes;
  if (typeof value !== 'string' || value === '') return undefined;
  const emotes: Emote[] = [];
  for (const part of value.split('/')) {
    const colon = part.lastIndexOf(':');
    const ranges: [number, number][] = [];
    for (const range of part.slice(colon + 1).split(',')) {
      const match = /^(\d{1,6})-(\d{1,6})$/.exec(range);
      if (colon < 1 || !match) return undefined;
      ranges.push([Number(match[1]), Number(match[2])]);
    }
    emotes.push({ id: part.slice(0, colon), ranges });
  }
  delete tags.emotes;
  return emotes;
}

function withoutEmpty(tags: Tags): Tags | undefined {
  for (const _ in tags) return tags;
  return undefined;
}
