/**
 * CyTube's `chanlogs/<channel>.log`: `[Sun Sep 15 2019 13:00:05] <ann> text` in the server's local time, `<ann.action>` for `/me`;
 * `[login]`, `[mod]`, `[playlist]`, `[poll]`, `[init]` for what happened.
 * Sources: CyTube's `src/logger.js`, `src/channel/channel.js`, `chat.js`, `kickban.js`, `playlist.js`, `poll.js`.
 */
import { type Draft, type Place, reading } from '../import-event.ts';
import {
  demandZone,
  type ImportFormat,
  type LogLine,
  NOTHING,
  type Reading,
  type SourceInfo,
  unclear,
} from '../import-format.ts';
import { civilDayOf, LogClock } from '../log-clock.ts';
import { notUnderstood } from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^\[\w{3} (\w{3}) (\d\d?) (\d{4}) (\d\d):(\d\d):(\d\d)\] (.*)$/su;

export const cytube: ImportFormat = {
  name: 'cytube',
  title: 'CyTube channel logs',
  detect({ lines }) {
    return lineShare(lines, LINE) > 0.6 ? 'lines such as "[Sun Sep 15 2019 13:00:05] <ann> text"' : undefined;
  },
  open: (info) => {
    const place = placeOf(info);
    const clock = new LogClock({ zone: demandZone(info) });
    return { kind: 'lines', read: (line) => readLine(line, clock, place) };
  },
};

function placeOf({ parts, settings }: SourceInfo): Place {
  const channel = settings.channel ?? parts.at(-1)?.replace(/\.log$/i, '');
  if (channel === undefined) throw unclear('channel', 'Add --channel NAME.');
  return { platform: settings.platform ?? 'cytube', channel };
}

function readLine({ text }: LogLine, clock: LogClock, place: Place): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const match = LINE.exec(text);
  // A message may hold line ends: what follows them has no time, and whose it is can be told, but not for certain.
  if (!match) return [{ reject: 'no line of CyTube: it has no time' }];
  const [, month, day, year, hour, minute, second, rest] = match;
  const dayMs = civilDayOf(year!, month!, day!);
  const timeMs = dayMs === undefined ? undefined : clock.on(dayMs, hour!, minute!, second!);
  return [reading(understand(rest!) ?? notUnderstood(text), place, timeMs, 1000)];
}

function understand(rest: string): Draft | undefined {
  const said = /^<([^.>]+)(?:\.([^>]*))?> ?(.*)$/su.exec(rest);
  if (said) {
    const [, username, style, message] = said;
    const isAction = style === 'action';
    const tags = style === undefined || isAction ? undefined : { class: style };
    return { username, message, action: isAction ? true : undefined, tags };
  }
  const happened = /^\[(\w+)\] (.*)$/su.exec(rest);
  if (!happened) return undefined;
  const [, name, sentence] = happened;
  return details(name!, sentence!) ?? { type: 'notice', system_message: sentence, platform_event: name };
}

function details(name: string, text: string): Draft | undefined {
  switch (name) {
    case 'login':
      return login(text);
    case 'mod':
      return moderation(text);
    case 'playlist': {
      const playing = /^Now playing: (.*) \((\w+):(.*)\)$/su.exec(text);
      if (!playing) return undefined;
      const media = [{ type: playing[2]!, title: playing[1]! }];
      return {
        type: 'media',
        system_message: text,
        media,
        platform_event: name,
        tags: { 'media-id': playing[3]! },
      };
    }
    case 'poll':
      return {
        type: 'poll',
        system_message: text,
        platform_event: name,
        username: /^(\S+) (?:opened|closed) /.exec(text)?.[1],
      };
    default:
      return undefined;
  }
}

/** The address that stands in it stays in the sentence. */
function login(text: string): Draft | undefined {
  const joined = /^\S+ (?:authenticated|logged in) as (\S+)/u.exec(text);
  if (joined) return { type: 'join', username: joined[1], system_message: text, platform_event: 'login' };
  const parted = /^\S+ \((\S+)\) disconnected\.$/u.exec(text);
  return parted
    ? { type: 'part', username: parted[1], system_message: text, platform_event: 'login' }
    : undefined;
}

function moderation(text: string): Draft | undefined {
  const cleared = /^(\S+) used \/clear$/u.exec(text);
  if (cleared) return { type: 'clear', moderator: cleared[1], platform_event: 'mod' };
  const kick = /^(\S+) kicked (\S+) \((.*)\)$/su.exec(text);
  if (kick) {
    const reason = kick[3] === '' ? undefined : kick[3];
    return {
      type: 'timeout',
      moderator: kick[1],
      target: kick[2],
      duration_seconds: 0,
      reason,
      platform_event: 'kick',
    };
  }
  const ban = /^(\S+) (namebanned|unbanned) (\S+)$/u.exec(text);
  if (ban) {
    const type = ban[2] === 'unbanned' ? 'unban' : 'ban';
    return { type, moderator: ban[1], target: ban[3], platform_event: 'mod' };
  }
  const address = /^(\S+) banned \S+ \((\S+)\)$/u.exec(text);
  if (address)
    return {
      type: 'ban',
      moderator: address[1],
      target: address[2],
      system_message: text,
      platform_event: 'mod',
    };
  const moderator = /^(\S+) /u.exec(text)?.[1];
  return { type: 'notice', system_message: text, moderator, platform_event: 'mod' };
}
