/**
 * What logs of IRC clients have in common: whom a log is of, and events as the live connector makes them
 * (`src/connectors/irc/irc-event.ts`), with as much of a `prefix` as the log tells.
 */
import { ircNames, modeChanges } from '../../../connectors/irc/irc-names.ts';
import type { Draft, Place } from '../import-event.ts';
import { type SourceInfo, unclear } from '../import-format.ts';

export interface Nick {
  nick: string;
  /** `user@host` */
  host?: string;
  /** The sign of the rank in the channel: `@`, `+`. */
  sign?: string;
}

/** What of its place a log tells by its path or content. */
export interface IrcHint {
  network?: string;
  /** The channel, or who a private talk is with. */
  window?: string;
  /** What the network or the client itself says, in no channel. */
  isServer?: boolean;
}

export interface IrcPlace extends Place {
  /** Who a private talk is with. */
  partner?: string;
}

const NO_CHANNEL = '*';
const NAMES = ircNames({});
const CHANNEL = /^[#&+!]/;

/** Throws `unclear` for what neither the log nor the settings say. */
export function ircPlace({ settings }: Pick<SourceInfo, 'settings'>, hint: IrcHint): IrcPlace {
  const platform = settings.platform ?? (hint.network === undefined ? undefined : platformOf(hint.network));
  if (platform === undefined)
    throw unclear(
      'platform',
      'Add --platform irc-NETWORK (or --platform twitch for logs of its chat over IRC).',
    );
  const stated = settings.channel;
  if (stated === undefined && hint.isServer) return { platform, channel: NO_CHANNEL };
  const window = stated ?? hint.window;
  if (window === undefined) throw unclear('channel', 'Add --channel "#NAME".');
  if (platform === 'twitch') return { platform, channel: window.replace(/^#/, '').toLowerCase() };
  if (stated !== undefined) return { platform, channel: CHANNEL.test(stated) ? stated : `#${stated}` };
  return CHANNEL.test(window)
    ? { platform, channel: window }
    : { platform, channel: NO_CHANNEL, partner: window };
}

function platformOf(network: string): string | undefined {
  const name = network.toLowerCase().replace(/[^a-z0-9.-]+/g, '-');
  if (name === 'twitch' || name === 'twitch.tv') return 'twitch';
  return /^[a-z0-9]/.test(name) ? `irc-${name}` : undefined;
}

/** A draft as it is in a private talk. */
export function inPlace(draft: Draft, { partner }: IrcPlace): Draft {
  if (partner === undefined) return draft;
  const isSpoken = draft.type === undefined || draft.type === 'notice';
  const target = draft.target ?? (draft.username === partner ? undefined : partner);
  return { ...draft, target, ...(isSpoken ? { type: 'private' as const } : {}) };
}

function by({ nick, host, sign }: Nick): Draft {
  return {
    username: nick,
    prefix: nick === '' ? undefined : host === undefined ? nick : `${nick}!${host}`,
    tags: sign ? { status: sign } : undefined,
  };
}

export const said = (who: Nick, message: string): Draft => ({ ...by(who), message });
export const acted = (who: Nick, message: string): Draft => ({ ...said(who, message), action: true });
export const joined = (who: Nick): Draft => ({ ...by(who), type: 'join' });
export const parted = (who: Nick, message = ''): Draft => ({ ...by(who), type: 'part', message });
export const quit = (who: Nick, message = ''): Draft => ({
  ...parted(who, message),
  platform_event: 'QUIT',
});
export const noticed = (who: Nick, message: string): Draft => ({
  ...said(who, message),
  type: 'notice',
  platform_event: 'NOTICE',
});
export const renamed = (who: Nick, target: string): Draft => ({
  ...by(who),
  type: 'presence',
  target,
  platform_event: 'NICK',
});
export const topicSet = (who: Nick, message: string): Draft => ({
  ...by(who),
  type: 'room',
  message,
  platform_event: 'TOPIC',
});
export const kicked = (who: Nick, target: string, reason?: string): Draft => ({
  ...by(who),
  type: 'timeout',
  moderator: who.nick,
  target,
  duration_seconds: 0,
  reason: reason === '' ? undefined : reason,
  platform_event: 'KICK',
});
/** What the client or the network said to whoever wrote the log. */
export const told = (sentence: string): Draft => ({ type: 'status', system_message: sentence });
/** A line that has a time and belongs to a chat, and is not understood. */
export const notUnderstood = (raw: string): Draft => ({ type: 'raw', raw });

/** @param modes `+o ann`, `+bb *!*@a *!*@b` */
export function modeSet(who: Nick, modes: string): Draft {
  const changes = modeChanges(modes.trim().split(/ +/), NAMES);
  const bans = changes.filter(({ mode, parameter }) => mode === 'b' && parameter !== undefined);
  const isAdded = bans[0]?.isAdded;
  const isBan = bans.length > 0 && changes.every((each) => bans.includes(each) && each.isAdded === isAdded);
  if (!isBan) return { ...by(who), type: 'room', message: modes.trim(), platform_event: 'MODE' };
  return {
    ...by(who),
    type: isAdded ? 'ban' : 'unban',
    moderator: who.nick,
    target: bans.map(({ parameter }) => parameter).join(' '),
    platform_event: 'MODE',
  };
}

/** `@ann`, `+ann`, ` ann`: the signs that clients put before a nick. */
export function nickWithSign(text: string): Nick {
  const match = /^([~&@%+!* ]*)(.+)$/s.exec(text);
  if (!match) return { nick: text };
  const sign = match[1]!.trim();
  return sign === '' ? { nick: match[2]! } : { nick: match[2]!, sign };
}

/** Path of a log of one channel: the file's name without `.log` and the date that a rotation puts to it. */
export function windowOf(file: string): string {
  const name = file.replace(/\.(?:log|txt|weechatlog)$/i, '');
  const bare = name.replace(/[._-]?\d{4}-\d\d(?:-\d\d)?$/, '').replace(/^\d{4}-\d\d(?:-\d\d)?[._-]/, '');
  return bare === '' ? name : bare;
}
