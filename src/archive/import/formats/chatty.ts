/**
 * Logs of Chatty: `[2019-09-15 13:00:05] <@%+ann> text`, `[13:00:05] <安 (ann)>* waves`, `[13:00:05] BAN: ann (600s) [reason]`,
 * with `# Log started: 2019-09-15 12:59:58 +0200` at the beginning of each session. Where lines tell no day, it is the session's,
 * and another one begins where times go back.
 * Sources: Chatty's `ChatLog.java`, `LogWriter.java`, `SettingsManager.java`, `User.java`.
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
import { LocalZone } from '../local-zone.ts';
import { civilDay, dayIn, LogClock } from '../log-clock.ts';
import { notUnderstood, windowOf } from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^\[(?:(\d{4})-(\d\d)-(\d\d) )?(\d\d):(\d\d):(\d\d)\] (.*)$/su;
const HEADER = /^# Log (started|closed): (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) ([+-]\d{4})/;

export const chatty: ImportFormat = {
  name: 'chatty',
  title: 'Chatty logs',
  detect({ lines }) {
    if (lines.some((line) => HEADER.test(line))) return 'has a line "# Log started:"';
    const isText = lineShare(lines, /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:<[^>]+>\*? |[A-Z_]+: )/u) > 0.6;
    return isText ? 'lines such as "[2019-09-15 13:00:05] <ann> text"' : undefined;
  },
  open: (info) => {
    const place = placeOf(info);
    const first = info.lines.find((line) => HEADER.test(line) || LINE.test(line)) ?? '';
    const dayMs = dayIn(info.parts.at(-1) ?? '') ?? info.settings.dayMs;
    const needsDay = LINE.test(first) && LINE.exec(first)![1] === undefined;
    if (needsDay && dayMs === undefined)
      throw unclear('date', 'Add --date YYYY-MM-DD, the day of its first line.');
    const stated = HEADER.exec(first)?.[8];
    // The zone stated by the user knows when clocks were changed; the header's offset does not.
    const zone =
      info.settings.zone ?? (stated === undefined ? undefined : LocalZone.of(stated)) ?? demandZone(info);
    const clock = new LogClock({ zone, dayMs, rolls: true });
    return { kind: 'lines', read: (line) => readLine(line, clock, place, info.settings.zone !== undefined) };
  },
};

/** `#ann.log`, `2019-09-15_#ann.log`; whispers are in `$ann.log`. */
function placeOf({ parts, settings }: SourceInfo): Place {
  const platform = settings.platform ?? 'twitch';
  const file = parts.at(-1);
  const name = settings.channel ?? (file === undefined ? undefined : windowOf(file).replace(/-\d$/, ''));
  if (name === undefined) throw unclear('channel', 'Add --channel NAME.');
  return { platform, channel: name.startsWith('$') ? '*' : name.replace(/^#/, '').toLowerCase() };
}

function readLine(
  { text }: LogLine,
  clock: LogClock,
  place: Place,
  isZoneStated: boolean,
): readonly Reading[] {
  if (text.trim() === '' || text === '-') return NOTHING;
  const match = LINE.exec(text);
  if (!match) return readHeader(text, clock, isZoneStated);
  const [, year, month, day, hour, minute, second, rest] = match;
  const dayMs = year === undefined ? undefined : civilDay(year, month!, day!);
  const timeMs =
    year === undefined
      ? clock.at(hour!, minute!, second!)
      : dayMs === undefined
        ? undefined
        : clock.on(dayMs, hour!, minute!, second!);
  const drafts = understand(rest!) ?? [notUnderstood(text)];
  return drafts.map((draft) => reading(draft, place, timeMs, 1000));
}

function readHeader(text: string, clock: LogClock, isZoneStated: boolean): readonly Reading[] {
  const header = HEADER.exec(text);
  if (!header) return [{ reject: 'no line of Chatty: it has no time' }];
  const [, , year, month, day, hour, minute, second, offset] = header;
  const dayMs = civilDay(year!, month!, day!);
  if (dayMs === undefined) return [{ reject: 'its day cannot be told' }];
  const zone = isZoneStated ? undefined : LocalZone.of(offset!);
  if (zone) clock.setZone(zone);
  clock.setDay(dayMs);
  // Lines of a session come after its beginning.
  clock.on(dayMs, hour!, minute!, second!);
  return NOTHING;
}

const SAID = /^<([~@%+!^&*$]*)([^>]+?)(?: \(([a-z0-9_]+)\))?>(\*?) ?(.*)$/su;

/** Several events where one line sums up several; undefined where it is not understood. */
function understand(rest: string): readonly Draft[] | undefined {
  const said = SAID.exec(rest);
  if (said) {
    const [, signs, name, login, star, message] = said;
    const username = login ?? name!.toLowerCase();
    return [
      {
        username,
        message,
        action: star === '*' ? true : undefined,
        display_name: name === username ? undefined : name,
        tags: signs === '' ? undefined : { status: signs! },
      },
    ];
  }
  const summed = /^(JOIN|PART|MOD|UNMOD|BAN|DELETED|BITS|MOD_ACTION|VIEWERS): (.*)$/su.exec(rest);
  if (summed) return sums(summed[1]!, summed[2]!) ?? [sentence(rest, summed[1])];
  return rest.trim() === '' ? undefined : [sentence(rest)];
}

function sentence(text: string, name?: string): Draft {
  return { type: 'notice', system_message: text, platform_event: name };
}

function sums(name: string, text: string): readonly Draft[] | undefined {
  switch (name) {
    case 'JOIN':
    case 'PART':
      return logins(text)?.map((username) => ({ username, type: name === 'JOIN' ? 'join' : 'part' }));
    case 'MOD':
    case 'UNMOD':
      return logins(text)?.map((target) => ({ type: 'room', target, platform_event: name }));
    case 'BAN':
      return bans(text);
    case 'DELETED':
      return deletions(text);
    case 'MOD_ACTION': {
      const moderator = /^(\S+) \(/.exec(text)?.[1];
      return [{ ...sentence(`${name}: ${text}`, name), moderator }];
    }
    default:
      return undefined;
  }
}

function logins(text: string): string[] | undefined {
  const names = text.split(', ');
  return names.every((name) => /^\w+$/.test(name)) ? names : undefined;
}

/** `ann (600s) [reason] {2 years}, bob`; a reason may hold anything. */
function bans(text: string): Draft[] | undefined {
  const one = /(\w+)(?: \((\d{1,9})s\))?(?: \[(.*?)\])?(?: \{[^}]*\})?(?:, (?=\w)|$)/suy;
  return wholly(text, one, ([, target, seconds, reason]) => ({
    type: seconds === undefined ? 'ban' : 'timeout',
    target: target!,
    duration_seconds: seconds === undefined ? undefined : Number(seconds),
    reason: reason === '' ? undefined : reason,
  }));
}

/** `ann (text), bob (text)`; a text may hold anything. */
function deletions(text: string): Draft[] | undefined {
  const one = /(\w+) \((.*?)\)(?:, (?=\w+ \()|$)/suy;
  return wholly(text, one, ([, target, message]) => ({ type: 'delete', target: target!, message: message! }));
}

function wholly(text: string, one: RegExp, draft: (match: RegExpExecArray) => Draft): Draft[] | undefined {
  const drafts: Draft[] = [];
  while (one.lastIndex < text.length) {
    const match = one.exec(text);
    if (!match) return undefined;
    drafts.push(draft(match));
  }
  return drafts;
}
