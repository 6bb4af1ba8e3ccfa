/**
 * IRC lines of any network to events and back, without I/O.
 *
 * Lossless: {@link rebuildIrcLine} gives the exact line back from every event made here. It is tried on each line,
 * and where the rebuilt line differs the original goes along as `raw`.
 *
 * What becomes what: PRIVMSG `message` (`private` where it is for us alone), NOTICE `notice`, JOIN `join`, PART and QUIT
 * `part`, KICK `timeout` of no length (removed, free to come back), MODE +b/-b `ban`/`unban`, other MODE, TOPIC, INVITE and the
 * numerics about a channel `room`, NICK, AWAY, ACCOUNT, CHGHOST, SETNAME and TAGMSG `presence`, WALLOPS `status`,
 * everything else `raw`. `platform_event` names the command.
 *
 * Facts: https://modern.ircdocs.horse and https://ircv3.net/irc/
 */
import type { CapturedEvent, ChatEvent, EventType } from '../../event.ts';
import { formatTimestamp, isCredible } from '../../lib/timestamp.ts';
import { escapeTag, type IrcLine, parseTags, prefixNick, splitIrcLine } from '../irc-line.ts';
import { type IrcNames, modeChanges } from './irc-names.ts';

/** What the parser has to know of the connection. */
export interface IrcView {
  readonly platform: string;
  readonly names: IrcNames;
  readonly nick: string;
  /** A channel as it is configured, or as the line spells it where it is not. */
  channelName(target: string): string;
  /** Whether the user holds a rank in the channel (operator and the like, not voice). */
  isModerator(channel: string, nick: string): boolean;
}

/** The channel of lines that belong to none. */
const NO_CHANNEL = '*';

/** What a command makes of its line. */
type Details = Partial<ChatEvent> & { type?: Exclude<EventType, 'message'>; unsampled: boolean };

/** Never throws. `line` is without its line end. */
export function parseIrcEvent(
  line: string,
  receivedAtMs: number,
  view: IrcView,
  source?: 'backfill',
): CapturedEvent {
  const parts = splitIrcLine(line);
  const tags = parseTags(parts.tags);
  const { unsampled, ...details } = understand(parts, view);
  const timeMs = serverTime(tags?.time, receivedAtMs) ?? receivedAtMs;
  const fromUser = parts.prefix.includes('!');
  const nick = fromUser ? prefixNick(parts.prefix) : '';
  const id = textOf(tags?.msgid) ?? textOf(tags?.['draft/msgid']);
  const event: ChatEvent = {
    timestamp: formatTimestamp(timeMs),
    channel: NO_CHANNEL,
    username: nick,
    user_id: accountOf(tags, parts),
    message: '',
    platform: view.platform,
    type: undefined,
    id,
    received_at: formatTimestamp(receivedAtMs),
    direction: nick !== '' && nick === view.nick ? 'outgoing' : undefined,
    reply_to: textOf(tags?.['+draft/reply']) ?? textOf(tags?.['+reply']),
    ...details,
    source,
    prefix: parts.prefix === '' ? undefined : parts.prefix,
    tags: tags && parts.tags !== '' ? tags : undefined,
  };
  if (event.type === 'raw' || rebuildIrcLine(event) !== line) event.raw = line;
  const ranked = !unsampled && event.type === undefined && view.isModerator(event.channel, nick);
  return { event, timeMs, identity: id ?? '', unsampled: unsampled || ranked, wireChars: line.length };
}

/** The exact line, without its line end, that an event of an IRC network was made of. */
export function rebuildIrcLine(event: ChatEvent): string {
  if (event.raw !== undefined) return event.raw;
  const head = `${tagPart(event.tags)}${event.prefix === undefined ? '' : `:${event.prefix} `}`;
  switch (event.type) {
    case undefined: {
      const text = event.action ? `\x01ACTION ${event.message}\x01` : event.message;
      return `${head}PRIVMSG ${event.channel} :${text}`;
    }
    case 'notice':
      return `${head}NOTICE ${event.channel} :${event.message}`;
    case 'join':
      return `${head}JOIN :${event.channel}`;
    case 'part':
      if (event.platform_event === 'QUIT') return `${head}QUIT :${event.message}`;
      return `${head}PART ${event.channel}${event.message === '' ? '' : ` :${event.message}`}`;
    default:
      return '';
  }
}

/** The same event as it concerns one channel (QUIT and NICK name none): an event of its own. */
export function inChannel(captured: CapturedEvent, channel: string): CapturedEvent {
  return {
    ...captured,
    event: { ...captured.event, channel },
    identity: captured.identity === '' ? '' : `${captured.identity} ${channel}`,
  };
}

function understand(parts: IrcLine, view: IrcView): Details {
  const { command, params } = parts;
  switch (command) {
    case 'PRIVMSG':
    case 'NOTICE':
      return params.length === 2 ? spoken(parts, view) : rawLine(parts, view);
    case 'JOIN':
      return { type: 'join', channel: channelOf(params[0], view), unsampled: false };
    case 'PART':
      return {
        type: 'part',
        channel: channelOf(params[0], view),
        message: params[1] ?? '',
        unsampled: false,
      };
    case 'QUIT':
      return { type: 'part', message: params[0] ?? '', platform_event: 'QUIT', unsampled: false };
    case 'KICK':
      return kick(parts, view);
    case 'MODE':
      return mode(parts, view);
    case 'TOPIC':
    case 'INVITE':
      return about('room', params.at(-1), channelOf(params.at(command === 'TOPIC' ? 0 : -1), view), command);
    case 'NICK':
      return { type: 'presence', target: params[0], platform_event: command, unsampled: false };
    case 'AWAY':
    case 'ACCOUNT':
    case 'CHGHOST':
    case 'SETNAME':
      return { type: 'presence', message: params.at(-1) ?? '', platform_event: command, unsampled: false };
    case 'TAGMSG':
      return {
        type: 'presence',
        channel: channelOf(params[0], view),
        platform_event: command,
        unsampled: false,
      };
    case 'WALLOPS':
      return about('status', params.at(-1), NO_CHANNEL, command);
    default:
      return rawLine(parts, view);
  }
}

function spoken({ command, params, prefix }: IrcLine, view: IrcView): Details {
  const text = params[1]!;
  const target = view.names.withoutStatus(params[0]!);
  const isAction = command === 'PRIVMSG' && text.startsWith('\x01ACTION ') && text.endsWith('\x01');
  const said = {
    channel: channelOf(target, view),
    message: isAction ? text.slice(8, -1) : text,
    ...(isAction ? { action: true as const } : {}),
  };
  const isPrivate = !view.names.isChannel(target) && prefix.includes('!');
  if (isPrivate) return { ...said, type: 'private', platform_event: command, unsampled: true };
  if (command === 'PRIVMSG') return { ...said, unsampled: false };
  return { ...said, type: 'notice', platform_event: command, unsampled: true };
}

function kick({ params, prefix }: IrcLine, view: IrcView): Details {
  return {
    type: 'timeout',
    channel: channelOf(params[0], view),
    moderator: prefixNick(prefix),
    target: params[1],
    duration_seconds: 0,
    reason: params[2],
    platform_event: 'KICK',
    unsampled: true,
  };
}

/** One line stays one event: bans where it does nothing but ban, or lift bans. */
function mode({ params, prefix }: IrcLine, view: IrcView): Details {
  const channel = channelOf(params[0], view);
  const rest = params.slice(1);
  const changes = modeChanges(rest, view.names);
  const bans = changes.filter(({ mode: letter, parameter }) => letter === 'b' && parameter !== undefined);
  const isAdded = bans[0]?.isAdded;
  if (
    channel !== NO_CHANNEL &&
    bans.length > 0 &&
    changes.every((each) => bans.includes(each) && each.isAdded === isAdded)
  ) {
    return {
      type: isAdded ? 'ban' : 'unban',
      channel,
      moderator: prefixNick(prefix),
      target: bans.map(({ parameter }) => parameter).join(' '),
      platform_event: 'MODE',
      unsampled: true,
    };
  }
  return about('room', rest.join(' '), channel, 'MODE');
}

/** Numerics that describe a channel: topic, who set it, modes, when it was made. */
const ROOM_NUMERICS = new Set(['324', '329', '331', '332', '333']);

function rawLine({ command, params }: IrcLine, view: IrcView): Details {
  // A numeric's first parameter is our own nick.
  const named = params.find((param) => view.names.isChannel(param));
  const channel = named === undefined || /[ ,]/.test(named) ? NO_CHANNEL : view.channelName(named);
  if (ROOM_NUMERICS.has(command)) return about('room', params.slice(2).join(' '), channel, command);
  return { type: 'raw', channel, platform_event: command === '' ? undefined : command, unsampled: true };
}

function about(
  type: 'room' | 'status',
  message: string | undefined,
  channel: string,
  command: string,
): Details {
  return { type, channel, message: message ?? '', platform_event: command, unsampled: true };
}

function channelOf(target: string | undefined, view: IrcView): string {
  return target !== undefined && view.names.isChannel(target) ? view.channelName(target) : NO_CHANNEL;
}

/** The account: from account-tag, else from extended-join. */
function accountOf(tags: Record<string, string | true> | undefined, { command, params }: IrcLine): string {
  const tagged = textOf(tags?.account);
  if (tagged !== undefined) return tagged;
  const joined = command === 'JOIN' && params.length === 3 ? params[1]! : '*';
  return joined === '*' ? '' : joined;
}

/** https://ircv3.net/specs/extensions/server-time */
function serverTime(value: string | true | undefined, receivedAtMs: number): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(value)) return undefined;
  const ms = Date.parse(value);
  return !Number.isNaN(ms) && isCredible(ms, receivedAtMs) ? ms : undefined;
}

function textOf(value: string | true | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function tagPart(tags: Record<string, string | true> | undefined): string {
  if (!tags) return '';
  const written = Object.entries(tags).map(([key, value]) =>
    value === true ? key : `${key}=${escapeTag(value)}`,
  );
  return `@${written.join(';')} `;
}
