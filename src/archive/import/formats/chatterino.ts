/**
 * Logs of Chatterino: `[13:00:05]  ann: text` (`[13:00:05] 安 ann: text` with a display name of other letters), sentences of
 * Twitch and of the client without a name, the day in the file's name and in `# Start logging at 2019-09-15 12:59:58 CEST`.
 * Layout: `Twitch/Channels/<channel>/<channel>-2019-09-15.log`; beside it `Mentions`, `Whispers`, `Live`, `AutoMod`.
 * Sources: Chatterino's `LoggingChannel.cpp`, `MessageBuilder.cpp`.
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
import { civilDay, dayIn, LogClock } from '../log-clock.ts';
import { compactSeconds } from './compact-seconds.ts';
import { notUnderstood } from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^(?:#(\S+) )?\[(\d\d):(\d\d):(\d\d)\] ?(.*)$/su;
const HEADER = /^# (?:Start|Stop) logging at (\d{4})-(\d\d)-(\d\d) /;
const FILE = /^(.+)-\d{4}-\d\d-\d\d\.log$/;
/** Directories that hold no channel. */
const NO_CHANNELS = /^(?:Whispers|Mentions|Live|AutoMod)$/i;

export const chatterino: ImportFormat = {
  name: 'chatterino',
  title: 'Chatterino logs',
  detect({ lines, parts }) {
    if (lines.some((line) => HEADER.test(line))) return 'has a line "# Start logging at"';
    const isText = lineShare(lines, /^\[\d\d:\d\d:\d\d\] (?:\S*[^\0-\x7f]\S*)? ?[a-z0-9_]{1,25}: /u) > 0.6;
    return isText && FILE.test(parts.at(-1) ?? '') ? 'lines such as "[13:00:05]  ann: text"' : undefined;
  },
  open: (info) => {
    const place = placeOf(info);
    const isWhisper = place.channel === '*' && /^Whispers$/i.test(info.parts.at(-2) ?? '');
    const dayMs = dayIn(info.parts.at(-1) ?? '') ?? info.settings.dayMs;
    const first = info.lines.find((line) => HEADER.test(line) || LINE.test(line));
    if (dayMs === undefined && first !== undefined && !HEADER.test(first))
      throw unclear('date', 'Add --date YYYY-MM-DD, the day of its first line.');
    const clock = new LogClock({ zone: demandZone(info), dayMs });
    return { kind: 'lines', read: (line) => readLine(line, clock, place, isWhisper) };
  },
};

function placeOf({ parts, settings }: SourceInfo): Place {
  const platform = settings.platform ?? 'twitch';
  if (settings.channel !== undefined) return { platform, channel: settings.channel.replace(/^#/, '') };
  if (NO_CHANNELS.test(parts.at(-2) ?? '')) return { platform, channel: '*' };
  const channel = FILE.exec(parts.at(-1) ?? '')?.[1];
  if (channel === undefined) throw unclear('channel', 'Add --channel NAME.');
  return { platform, channel: channel.toLowerCase() };
}

function readLine({ text }: LogLine, clock: LogClock, place: Place, isWhisper: boolean): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const match = LINE.exec(text);
  if (!match) {
    const header = HEADER.exec(text);
    const dayMs = header ? civilDay(header[1]!, header[2]!, header[3]!) : undefined;
    if (dayMs === undefined) return [{ reject: 'no line of Chatterino: it has no time' }];
    clock.setDay(dayMs);
    return NOTHING;
  }
  const [, mentionedIn, hour, minute, second, rest] = match;
  const timeMs = clock.at(hour!, minute!, second!);
  // Mentions are lines of other channels.
  const where = mentionedIn === undefined ? place : { ...place, channel: mentionedIn.toLowerCase() };
  const draft = understand(rest!) ?? notUnderstood(text);
  const isTalk = isWhisper && draft.type === undefined;
  return [reading(isTalk ? { ...draft, type: 'private' } : draft, where, timeMs, 1000)];
}

const SAID = /^(?:(\S*[^\0-\x7f]\S*) | )?([a-z0-9_]{1,25}): ?(.*)$/su;

function understand(rest: string): Draft | undefined {
  if (rest.trim() === '') return undefined;
  const said = SAID.exec(rest);
  if (!said) return moderated(rest) ?? { type: 'notice', system_message: rest };
  const [, displayName, username, message] = said;
  // What a moderator did is logged under the moderator's name; nobody can say a text that ends in a space.
  const done =
    message!.startsWith(`${username} `) && message!.endsWith(' ') ? moderated(message!) : undefined;
  return done ?? { username, message, display_name: displayName };
}

/** `: "reason".` or `.` at the end, and how often it was done in a row. */
const END = String.raw`(?:: "(?<reason>.*?)"?)?\.?(?: \(\d+ times\))?\s*$`;
const DONE: readonly [pattern: RegExp, draft: Draft][] = [
  [
    new RegExp(`^(?<target>\\w+) has been timed out for (?<time>[\\dwdhms ]+?)${END}`, 'su'),
    { type: 'timeout' },
  ],
  [new RegExp(`^(?<target>\\w+) has been permanently banned${END}`, 'su'), { type: 'ban' }],
  [
    new RegExp(`^(?<by>\\w+) timed out (?<target>\\w+) for (?<time>[\\dwdhms ]+?)${END}`, 'su'),
    { type: 'timeout' },
  ],
  [new RegExp(`^(?<by>\\w+) banned (?<target>\\w+)${END}`, 'su'), { type: 'ban' }],
  [new RegExp(`^(?<by>\\w+) unbanned (?<target>\\w+)${END}`, 'su'), { type: 'unban' }],
  [new RegExp(`^(?<by>\\w+) untimedout (?<target>\\w+)${END}`, 'su'), { type: 'untimeout' }],
  [/^Chat has been cleared by a moderator\./u, { type: 'clear' }],
  [/^(?<by>\w+) cleared the chat\./u, { type: 'clear' }],
  [/^A message from (?<target>\w+) was deleted: (?<text>.*)$/su, { type: 'delete' }],
  [/^(?<by>\w+) deleted message from (?<target>\w+) saying: (?<text>.*)$/su, { type: 'delete' }],
];

function moderated(sentence: string): Draft | undefined {
  for (const [pattern, draft] of DONE) {
    const groups = pattern.exec(sentence)?.groups;
    if (!groups && !pattern.test(sentence)) continue;
    const { by, target, time, reason, text } = groups ?? {};
    const seconds = time === undefined ? undefined : compactSeconds(time);
    return {
      ...draft,
      ...(text === undefined ? {} : { message: text }),
      ...(by === undefined ? {} : { moderator: by }),
      ...(target === undefined ? {} : { target }),
      ...(seconds === undefined ? {} : { duration_seconds: seconds }),
      ...(reason === undefined || reason === '' ? {} : { reason }),
    };
  }
  return undefined;
}
