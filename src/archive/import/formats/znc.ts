/**
 * Logs of ZNC's `log` module: `[13:00:05] <ann> text`, `[13:00:05] *** Joins: ann (u@h)`; the day stands in the path.
 * Source: ZNC's `modules/log.cpp`.
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
  unclear,
} from '../import-format.ts';
import { civilDay, dayIn, LogClock } from '../log-clock.ts';
import * as irc from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^\[(?:(\d{4})-(\d\d)-(\d\d)[ T])?(\d\d):(\d\d):(\d\d)\] (.*)$/su;

export const znc: ImportFormat = {
  name: 'znc',
  title: 'ZNC logs',
  detect({ lines, parts }) {
    if (lineShare(lines, LINE) <= 0.6) return undefined;
    if (lineShare(lines, /^\[\d\d:\d\d:\d\d\] (?:\*\*\* (?:Joins|Parts|Quits): |\*\*\* \S+ sets mode: )/) > 0)
      return 'lines such as "[13:00:05] *** Joins: ann (u@h)"';
    const isText = lineShare(lines, /^\[\d\d:\d\d:\d\d\] (?:<\S+> |\* \S+ |-\S+- |\*\*\* )/) > 0.6;
    if (!isText) return undefined;
    return dayInPath(parts) === undefined
      ? undefined
      : 'lines such as "[13:00:05] <ann> text", the day in its path';
  },
  open: (info) => {
    const place = irc.ircPlace(info, pathHint(info));
    const dayMs = dayInPath(info.parts) ?? info.settings.dayMs;
    if (
      dayMs === undefined &&
      info.lines.some((line) => LINE.test(line) && LINE.exec(line)![1] === undefined)
    )
      throw unclear('date', 'Add --date YYYY-MM-DD, the day of its first line.');
    const clock = new LogClock({ zone: demandZone(info), dayMs });
    return { kind: 'lines', read: (line) => readLine(line, clock, place) };
  },
};

/** `2019-09-15.log`; of old versions `libera_#c_20190915.log`. */
function dayInPath(parts: readonly string[]): number | undefined {
  const file = parts.at(-1) ?? '';
  const old = /_(\d{4})(\d\d)(\d\d)\.log$/.exec(file);
  return old ? civilDay(old[1]!, old[2]!, old[3]!) : dayIn(file);
}

/** `moddata/log/<network>/<window>/<day>.log`, `networks/<network>/moddata/log/<window>/<day>.log`. */
function pathHint({ parts }: SourceInfo): irc.IrcHint {
  const file = parts.at(-1) ?? '';
  const old = /^(?:[^_]+_)?([^_]+)_(.+)_\d{8}\.log$/.exec(file);
  if (old) return windowHint(old[1], old[2]!);
  if (!/^\d{4}-\d\d-\d\d\.log$/.test(file)) return {};
  const log = parts.lastIndexOf('log', -3);
  if (log < 0) return windowHint(undefined, parts.at(-2));
  const between = parts.slice(log + 1, -1);
  const networks = parts.lastIndexOf('networks', log);
  // A module loaded by a network has it above, one loaded by a user below, one loaded by all below the user.
  const network = networks >= 0 && between.length === 1 ? parts[networks + 1] : between.at(-2);
  return windowHint(network, between.at(-1));
}

function windowHint(network: string | undefined, window: string | undefined): irc.IrcHint {
  return { network, window, isServer: window === 'status' };
}

function readLine({ text }: LogLine, clock: LogClock, place: irc.IrcPlace): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const match = LINE.exec(text);
  if (!match) return [{ reject: 'no line of ZNC: it has no time' }];
  const [, year, month, day, hour, minute, second, rest] = match;
  const dayMs = year === undefined ? undefined : civilDay(year, month!, day!);
  const timeMs =
    dayMs === undefined ? clock.at(hour!, minute!, second!) : clock.on(dayMs, hour!, minute!, second!);
  const isServer = place.channel === '*' && place.partner === undefined;
  const draft = understand(rest!) ?? (isServer ? irc.told(rest!) : irc.notUnderstood(text));
  return [reading(irc.inPlace(draft, place), place, timeMs, 1000)];
}

function understand(rest: string): Draft | undefined {
  const message = /^<([^>]+)> ?(.*)$/su.exec(rest);
  if (message) return irc.said({ nick: message[1]! }, message[2]!);
  if (rest.startsWith('*** ')) return happened(rest.slice(4));
  const action = /^\* (\S+) ?(.*)$/su.exec(rest);
  if (action) return irc.acted({ nick: action[1]! }, action[2]!);
  const notice = /^-(\S+)- ?(.*)$/su.exec(rest);
  return notice ? irc.noticed({ nick: notice[1]! }, notice[2]!) : undefined;
}

function happened(text: string): Draft {
  const presence = /^(Joins|Parts|Quits): (\S+) \(([^)]*)\)(?: \((.*)\))?$/su.exec(text);
  if (presence) {
    const who = { nick: presence[2]!, host: presence[3]! };
    if (presence[1] === 'Joins') return irc.joined(who);
    return presence[1] === 'Parts' ? irc.parted(who, presence[4]) : irc.quit(who, presence[4]);
  }
  const kick = /^(\S+) was kicked by (\S+) \((.*)\)$/su.exec(text);
  if (kick) return irc.kicked({ nick: kick[2]! }, kick[1]!, kick[3]);
  const mode = /^(\S+) sets mode: (.*)$/su.exec(text);
  if (mode) return irc.modeSet({ nick: mode[1]! }, mode[2]!);
  const nick = /^(\S+) is now known as (\S+)$/su.exec(text);
  if (nick) return irc.renamed({ nick: nick[1]! }, nick[2]!);
  const topic = /^(\S+) changes topic to '(.*)'$/su.exec(text);
  if (topic) return irc.topicSet({ nick: topic[1]! }, topic[2]!);
  return irc.told(text);
}
