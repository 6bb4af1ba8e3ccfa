/**
 * Logs of irssi, in the format of its log theme: `13:00 <@ann> text`, `13:00  * ann waves`, `13:00 -!- ann [u@h] has joined #c`,
 * with the day in lines of its own (`--- Log opened Sun Sep 15 12:59:58 2019`, `--- Day changed Mon Sep 16 2019`).
 * Sources: irssi's `fe-log.c`, `log.c`, `module-formats.c` of fe-common/core and fe-common/irc.
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
import { civilDay, civilDayOf, dayIn, LogClock } from '../log-clock.ts';
import * as irc from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^(?:\[?(\d{4})-(\d\d)-(\d\d)[ T])?\[?(\d\d):(\d\d)(?::(\d\d))?\]? (.*)$/su;
const MARK = /^--- (?:Log (?:opened|closed)|Day changed) \w{3} (\w{3}) (\d\d?)(?: [\d:]{8})? (\d{4})$/;
const ANY_MARK = /^--- (?:Log opened|Log closed|Day changed) /;
const EXACT_MINUTE_MS = 60_000;

export const irssi: ImportFormat = {
  name: 'irssi',
  title: 'irssi logs',
  detect({ lines }) {
    if (lines.some((line) => /^--- Log opened /.test(line))) return 'has a line "--- Log opened"';
    if (lines.some((line) => /^--- Day changed /.test(line))) return 'has a line "--- Day changed"';
    const isIrssi = lineShare(lines, /^(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d(?::\d\d)? (?:<[^>]+> | \* |-!- )/);
    return isIrssi > 0.6 ? 'lines such as "13:00 <@ann> text"' : undefined;
  },
  open: (info) => {
    const place = irc.ircPlace(info, pathHint(info));
    const dayMs = dayIn(info.parts.at(-1) ?? '') ?? info.settings.dayMs;
    const clock = new LogClock({ zone: demandZone(info), dayMs });
    const first = info.lines.find((line) => MARK.test(line) || LINE.test(line));
    const needsDay = first !== undefined && !MARK.test(first) && LINE.exec(first)?.[1] === undefined;
    if (needsDay && dayMs === undefined)
      throw unclear('date', 'Add --date YYYY-MM-DD, the day of its first line.');
    return { kind: 'lines', read: (line) => readLine(line, clock, place) };
  },
};

/** irssi's own layout: `irclogs/<network>/<channel>.log`. */
function pathHint({ parts }: SourceInfo): irc.IrcHint {
  const file = parts.at(-1);
  const isOwn = /^(?:irc)?logs?$/i.test(parts.at(-3) ?? '');
  return {
    network: isOwn ? parts.at(-2) : undefined,
    window: file === undefined ? undefined : irc.windowOf(file),
  };
}

function readLine({ text }: LogLine, clock: LogClock, place: irc.IrcPlace): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  if (ANY_MARK.test(text)) {
    const mark = MARK.exec(text);
    const dayMs = mark ? civilDayOf(mark[3]!, mark[1]!, mark[2]!) : undefined;
    if (dayMs === undefined) return [{ reject: 'its day cannot be told' }];
    clock.setDay(dayMs);
    return NOTHING;
  }
  const match = LINE.exec(text);
  if (!match) return [{ reject: 'no line of irssi: it has no time' }];
  const [, year, month, day, hour, minute, second, rest] = match;
  const dayMs = year === undefined ? undefined : civilDay(year, month!, day!);
  const timeMs =
    year === undefined
      ? clock.at(hour!, minute!, second)
      : dayMs === undefined
        ? undefined
        : clock.on(dayMs, hour!, minute!, second ?? '0');
  const draft = understand(rest!) ?? irc.notUnderstood(text);
  return [reading(irc.inPlace(draft, place), place, timeMs, second === undefined ? EXACT_MINUTE_MS : 1000)];
}

function understand(rest: string): Draft | undefined {
  const message = /^<([^>]+)> ?(.*)$/su.exec(rest);
  if (message) return irc.said(irc.nickWithSign(message[1]!), message[2]!);
  const action = /^ ?\* (\S+) ?(.*)$/su.exec(rest);
  if (action) return irc.acted(irc.nickWithSign(action[1]!), action[2]!);
  const notice = /^-([^ :]+)(?:\([^)]*\))?(?::[^ ]*)?- ?(.*)$/su.exec(rest);
  if (notice && !rest.startsWith('-!-')) return irc.noticed({ nick: notice[1]! }, notice[2]!);
  if (rest.startsWith('-!- ')) return happened(rest.slice(4));
  return undefined;
}

function happened(text: string): Draft {
  const presence = /^(\S+) \[([^\]]*)\] has (joined|left|quit)(?: ([^ [][^ ]*))?(?: \[(.*)\])?$/su.exec(text);
  if (presence) {
    const who = { nick: presence[1]!, host: presence[2]! };
    if (presence[3] === 'joined') return irc.joined(who);
    return presence[3] === 'left' ? irc.parted(who, presence[5]) : irc.quit(who, presence[5]);
  }
  const kick = /^(\S+) was kicked from \S+ by (\S+)(?: \[(.*)\])?$/su.exec(text);
  if (kick) return irc.kicked({ nick: kick[2]! }, kick[1]!, kick[3]);
  const mode = /^(?:Server)?[Mm]ode\/\S+ \[(.*)\] by (.+)$/su.exec(text);
  if (mode) return irc.modeSet({ nick: mode[2]! }, mode[1]!);
  const nick = /^(\S+) is now known as (\S+)$/su.exec(text);
  if (nick) return irc.renamed({ nick: nick[1]! }, nick[2]!);
  const topic = /^(\S+) changed the topic of \S+ to: (.*)$/su.exec(text);
  if (topic) return irc.topicSet({ nick: topic[1]! }, topic[2]!);
  const unset = /^Topic unset by (\S+) on \S+$/su.exec(text);
  if (unset) return irc.topicSet({ nick: unset[1]! }, '');
  return irc.told(text);
}
