/**
 * Logs of WeeChat: `time<TAB>prefix<TAB>text`, where the prefix is a nick, `-->`, `<--`, `--`, ` *` or empty. The time is
 * local (`2019-09-15 13:00:05`) or, since WeeChat 4, UTC with microseconds (`2023-12-05T19:46:03.847625Z`).
 * Sources: WeeChat's `logger.c`, `logger-config.c`, and `irc-protocol.c` for the sentences.
 */
import type { Draft } from '../import-event.ts';
import { reading } from '../import-event.ts';
import {
  demandZone,
  type ImportFormat,
  type LogLine,
  NOTHING,
  type Reading,
  type SourceInfo,
} from '../import-format.ts';
import { LocalZone } from '../local-zone.ts';
import { civilDay, LogClock } from '../log-clock.ts';
import * as irc from './irc-log.ts';
import { lineShare } from './line-share.ts';

const TIME = String.raw`(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?`;
const LINE = new RegExp(`^${TIME}\\t(?:([^\\t]*)\\t)?(.*)$`, 'su');

export const weechat: ImportFormat = {
  name: 'weechat',
  title: 'WeeChat logs',
  detect({ lines }) {
    return lineShare(lines, LINE) > 0.6 ? 'lines of time, tab, nick, tab, text' : undefined;
  },
  open: (info) => {
    const place = irc.ircPlace(info, pathHint(info));
    const isStated = info.lines.every((line) => LINE.exec(line)?.[8] !== undefined);
    const clock = new LogClock({ zone: isStated ? LocalZone.of('UTC')! : demandZone(info) });
    return { kind: 'lines', read: (line) => readLine(line, clock, place) };
  },
};

/** `irc.libera.#c.weechatlog`, `irc.server.libera.weechatlog`. */
function pathHint({ parts }: SourceInfo): irc.IrcHint {
  const file = parts.at(-1) ?? '';
  const match = /^irc\.([^.]+)\.(.+)\.weechatlog$/i.exec(file);
  if (!match) return { window: /^[#&]/.test(file) ? irc.windowOf(file) : undefined };
  return match[1] === 'server'
    ? { network: match[2], isServer: true }
    : { network: match[1], window: irc.windowOf(match[2]!) };
}

function readLine({ text }: LogLine, clock: LogClock, place: irc.IrcPlace): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const match = LINE.exec(text);
  if (!match) return [{ reject: 'no line of WeeChat: it has no time' }];
  const [, year, month, day, hour, minute, second, fraction, offset, prefix, rest] = match;
  if (prefix === undefined && /^\*{4} {2}(?:Beginning|End) of log {2}\*{4}$/.test(rest!)) return NOTHING;
  const dayMs = civilDay(year!, month!, day!);
  const timeMs =
    dayMs === undefined ? undefined : timeOf(clock, dayMs, [hour!, minute!, second!, fraction], offset);
  const draft = understand(prefix, rest!) ?? irc.notUnderstood(text);
  return [reading(irc.inPlace(draft, place), place, timeMs, fraction === undefined ? 1000 : 1)];
}

type Clock = [hour: string, minute: string, second: string, fraction: string | undefined];

function timeOf(clock: LogClock, dayMs: number, time: Clock, offset: string | undefined): number | undefined {
  if (offset === undefined) return clock.on(dayMs, ...time);
  const zone = LocalZone.of(offset);
  return zone && new LogClock({ zone }).on(dayMs, ...time);
}

function understand(prefix: string | undefined, text: string): Draft | undefined {
  switch (prefix?.trim()) {
    case undefined:
      return undefined;
    case '-->':
      return arrived(text);
    case '<--':
      return left(text);
    case '*': {
      const action = /^(\S+) ?(.*)$/su.exec(text);
      return action ? irc.acted(irc.nickWithSign(action[1]!), action[2]!) : undefined;
    }
    case '--':
      return happened(text);
    case '':
    case '=!=':
    case '!':
      return irc.told(text);
    default:
      return irc.said(irc.nickWithSign(prefix!.trim()), text);
  }
}

/** Between nick and host may stand the account and the real name. */
const WHO = String.raw`(\S+)(?: \[[^\]]*\])?(?: \(.*\))? \(([^() ]*@[^() ]*)\)`;
const JOINED = new RegExp(`^${WHO} has joined \\S+$`, 'su');
const LEFT = new RegExp(`^(?:${WHO}|(\\S+)) has (left \\S+|quit)(?: \\((.*)\\))?$`, 'su');

function arrived(text: string): Draft {
  const match = JOINED.exec(text);
  return match ? irc.joined({ nick: match[1]!, host: match[2]! }) : irc.told(text);
}

function left(text: string): Draft {
  const kick = /^(\S+) has kicked (\S+)(?: \((.*)\))?$/su.exec(text);
  if (kick) return irc.kicked({ nick: kick[1]! }, kick[2]!, kick[3]);
  const match = LEFT.exec(text);
  if (!match) return irc.told(text);
  const [, nick, host, bareNick, how, quoted = ''] = match;
  const who = { nick: nick ?? bareNick!, host };
  // Parts are quoted within the parentheses by newer versions.
  const reason = /^"(.*)"$/su.exec(quoted)?.[1] ?? quoted;
  return how === 'quit' ? irc.quit(who, reason) : irc.parted(who, reason);
}

function happened(text: string): Draft {
  const nick = /^(\S+) is now known as (\S+)$/su.exec(text);
  if (nick) return irc.renamed({ nick: nick[1]! }, nick[2]!);
  const mode = /^Mode \S+ \[(.*)\] by (\S+)$/su.exec(text);
  if (mode) return irc.modeSet({ nick: mode[2]! }, mode[1]!);
  const topic = /^(\S+) has changed topic for \S+ (?:from ".*" )?to "(.*)"$/su.exec(text);
  if (topic) return irc.topicSet({ nick: topic[1]! }, topic[2]!);
  const unset = /^(\S+) has unset topic for \S+(?: \(old topic: .*\))?$/su.exec(text);
  if (unset) return irc.topicSet({ nick: unset[1]! }, '');
  const notice = /^(?:Pv)?Notice(?::\S+)?\((\S+)\)(?: -> \S+)?: (.*)$/su.exec(text);
  if (notice) return irc.noticed({ nick: notice[1]! }, notice[2]!);
  return irc.told(text);
}
