/**
 * A line as log viewers read it, made of an event of the archive. `raw` is the line exactly as the platform sent it,
 * `tags` are all of its tags.
 *
 * Numbers of `type` are those that justlog (go-twitch-irc) and rustlog share.
 */
import { parseTags, splitIrcLine, unescapeTag } from '../../connectors/irc-line.ts';
import { originalLine } from '../../connectors/original-line.ts';
import { type ChatEvent, eventType } from '../../event.ts';

export interface PeerMessage {
  /** What a person reads: the message, or a sentence about what happened. */
  text: string;
  /** The platform's own sentence of a USERNOTICE, else ''. */
  systemText: string;
  /** Who wrote it, or who it happened to; '' for a cleared room. */
  username: string;
  displayName: string;
  channel: string;
  /** RFC 3339 UTC with milliseconds. */
  timestamp: string;
  id: string;
  type: number;
  raw: string;
  tags: Record<string, string>;
}

const TYPE = { privmsg: 1, clearchat: 2, usernotice: 4, notice: 6, clearmsg: 13 } as const;

/** Numbers of {@link eventType} that may be part of a log: the others need not be read. */
export const LOG_EVENT_TYPES = ['message', 'delete', 'ban', 'timeout', 'clear', 'notice'] as const;

/** Undefined for what is no part of a log: joins, room states, the server's own notices. */
export function peerType(event: ChatEvent): number | undefined {
  switch (eventType(event)) {
    case 'message':
      return TYPE.privmsg;
    case 'ban':
    case 'timeout':
    case 'clear':
      return TYPE.clearchat;
    case 'delete':
      return TYPE.clearmsg;
    case 'notice':
      if (event.platform_event === 'USERNOTICE') return TYPE.usernotice;
      // On IRC bots and people speak by NOTICE; on Twitch it is the server.
      return event.platform !== 'twitch' && event.username !== '' ? TYPE.notice : undefined;
    default:
      return undefined;
  }
}

export function peerMessage(event: ChatEvent): PeerMessage {
  const raw = originalLine(event).toString();
  const username = peerUsername(event);
  return {
    text: peerText(event),
    systemText: event.system_message ?? '',
    username,
    displayName: event.display_name ?? username,
    channel: event.channel,
    timestamp: event.timestamp,
    id: event.id ?? '',
    type: peerType(event) ?? TYPE.privmsg,
    raw,
    tags: peerTags(raw),
  };
}

export function peerUsername(event: ChatEvent): string {
  return event.username === '' || isModeration(event) ? (event.target ?? event.username) : event.username;
}

function isModeration(event: ChatEvent): boolean {
  const type = peerType(event);
  return type === TYPE.clearchat || type === TYPE.clearmsg;
}

export function peerText(event: ChatEvent): string {
  const { target, duration_seconds: seconds } = event;
  switch (eventType(event)) {
    case 'clear':
      return 'chat has been cleared';
    case 'ban':
      return `${target} has been banned`;
    case 'timeout':
      if (event.platform_event === 'KICK') return `${target} has been kicked`;
      return `${target} has been timed out for ${seconds} seconds`;
    case 'delete':
      return `a message from ${target} has been deleted`;
    case 'notice':
      return [event.system_message, event.message].filter(Boolean).join(' ');
    default:
      return event.message;
  }
}

/** `[2026-01-31 12:00:00] #channel user: text`, UTC, without a line end. */
export function peerTextLine(event: ChatEvent): string {
  const time = `${event.timestamp.slice(0, 10)} ${event.timestamp.slice(11, 19)}`;
  const channel = event.platform === 'twitch' ? `#${event.channel}` : event.channel;
  const username = peerUsername(event);
  const who = username === '' ? '' : `${username}:`;
  return `[${time}] ${channel} ${who}${who === '' ? '' : ' '}${peerText(event)}`;
}

/** All tags of a line, unescaped; one without a value is ''. */
function peerTags(raw: string): Record<string, string> {
  const { tags } = splitIrcLine(raw);
  const parsed = parseTags(tags);
  if (parsed)
    return Object.fromEntries(
      Object.entries(parsed).map(([key, value]) => [key, value === true ? '' : value]),
    );
  // A tag that came twice, or whose name no plain object can hold in its place: the last one counts.
  return Object.fromEntries(
    tags.split(';').map((tag) => {
      const equals = tag.indexOf('=');
      return equals < 0 ? [tag, ''] : [tag.slice(0, equals), unescapeTag(tag.slice(equals + 1))];
    }),
  );
}
