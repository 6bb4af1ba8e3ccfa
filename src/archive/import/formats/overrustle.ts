/**
 * Logs of OverRustle: `[2019-09-15 13:00:05 UTC] ann: text`, in `<Channel> chatlog/September 2019/2019-09-15.txt`. Those of
 * destiny.gg's own chat are in `Destinygg chatlog`; there `Ban` and `Subscriber` say what happened.
 * Source: OverRustle Logs' `logger/chatlog.go`, `logger/destiny.go`.
 */
import { type Draft, type Place, reading } from '../import-event.ts';
import {
  type ImportFormat,
  type LogLine,
  NOTHING,
  type Reading,
  type SourceInfo,
  unclear,
} from '../import-format.ts';
import { LocalZone } from '../local-zone.ts';
import { civilDay, LogClock } from '../log-clock.ts';
import { notUnderstood } from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^\[(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? UTC\] (.*)$/su;
const DESTINY = 'destinygg';

export const overrustle: ImportFormat = {
  name: 'overrustle',
  title: 'OverRustle logs (text)',
  detect({ lines }) {
    return lineShare(lines, LINE) > 0.6 ? 'lines such as "[2019-09-15 13:00:05 UTC] ann: text"' : undefined;
  },
  open: (info) => {
    const place = placeOf(info);
    const clock = new LogClock({ zone: LocalZone.of('UTC')! });
    return { kind: 'lines', read: (line) => readLine(line, clock, place) };
  },
};

function placeOf({ parts, settings }: SourceInfo): Place {
  const directory = parts.findLast((part) => / chatlog$/i.test(part));
  const name = settings.channel ?? directory?.replace(/ chatlog$/i, '');
  if (name === undefined) throw unclear('channel', 'Add --channel NAME.');
  const channel = name.replace(/^#/, '').toLowerCase();
  return { platform: settings.platform ?? (channel === DESTINY ? DESTINY : 'twitch'), channel };
}

function readLine({ text }: LogLine, clock: LogClock, place: Place): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const match = LINE.exec(text);
  if (!match) return [{ reject: 'no line of OverRustle: it has no time' }];
  const [, year, month, day, hour, minute, second, fraction, rest] = match;
  const dayMs = civilDay(year!, month!, day!);
  const timeMs = dayMs === undefined ? undefined : clock.on(dayMs, hour!, minute!, second!, fraction);
  const draft = understand(rest!, place) ?? notUnderstood(text);
  return [reading(draft, place, timeMs, fraction === undefined ? 1000 : 1)];
}

const HAPPENED: Readonly<Record<string, Draft['type']>> = {
  banned: 'ban',
  unbanned: 'unban',
  muted: 'timeout',
  unmuted: 'untimeout',
};

function understand(rest: string, { platform }: Place): Draft | undefined {
  const match = /^(\S+?): ?(.*)$/su.exec(rest);
  if (!match) return undefined;
  const [, name, message] = match;
  if (platform !== DESTINY) {
    const username = name!.toLowerCase();
    return { username, message, display_name: username === name ? undefined : name };
  }
  if (name === 'Ban') {
    const done = /^(\S+) (banned|unbanned|muted|unmuted) by (\S+)$/su.exec(message!);
    if (done) return { type: HAPPENED[done[2]!], target: done[1], moderator: done[3] };
  }
  if (name === 'Ban' || name === 'Subscriber')
    return { type: 'notice', system_message: message, platform_event: name };
  return { username: name, message };
}
