/**
 * Text logs of The Lounge: `[2019-09-15T13:00:05.123Z] <@ann> text`, in `logs/<user>/<network>-<id>/<channel>.log`.
 * Source: The Lounge's `server/plugins/messageStorage/text.ts`.
 */
import { type Draft, reading } from '../import-event.ts';
import { type ImportFormat, type LogLine, NOTHING, type Reading, type SourceInfo } from '../import-format.ts';
import * as irc from './irc-log.ts';
import { lineShare } from './line-share.ts';

const LINE = /^\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\] (.*)$/su;

export const theloungeText: ImportFormat = {
  name: 'thelounge-text',
  title: 'The Lounge logs (text)',
  detect({ lines }) {
    return lineShare(lines, LINE) > 0.6 ? 'lines such as "[2019-09-15T13:00:05.123Z] <ann> text"' : undefined;
  },
  open: (info) => {
    const place = irc.ircPlace(info, pathHint(info));
    return { kind: 'lines', read: (line) => readLine(line, place) };
  },
};

/** The network's directory ends in a part of its id. */
function pathHint({ parts }: SourceInfo): irc.IrcHint {
  const network = /^(.+?)-[0-9a-f-]{8,}$/i.exec(parts.at(-2) ?? '')?.[1];
  const file = parts.at(-1);
  return { network, window: file === undefined ? undefined : irc.windowOf(file) };
}

function readLine({ text }: LogLine, place: irc.IrcPlace): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const match = LINE.exec(text);
  if (!match) return [{ reject: 'no line of The Lounge: it has no time' }];
  const draft = understand(match[2]!) ?? irc.notUnderstood(text);
  return [reading(irc.inPlace(draft, place), place, Date.parse(match[1]!), 1)];
}

function understand(rest: string): Draft | undefined {
  const message = /^<([^>]+)> ?(.*)$/su.exec(rest);
  if (message) return irc.said(irc.nickWithSign(message[1]!), message[2]!);
  if (rest.startsWith('*** ')) return happened(rest.slice(4));
  const action = /^\* (\S+) ?(.*)$/su.exec(rest);
  if (action) return irc.acted(irc.nickWithSign(action[1]!), action[2]!);
  const notice = /^-(\S+)- ?(.*)$/su.exec(rest);
  return notice ? irc.noticed({ nick: notice[1]! }, notice[2]!) : undefined;
}

function happened(text: string): Draft {
  const presence = /^(\S+) \(([^)]*)\) (joined|left|quit)(?: \((.*)\))?$/su.exec(text);
  if (presence) {
    const who = { nick: presence[1]!, host: presence[2]! };
    if (presence[3] === 'joined') return irc.joined(who);
    // A reason that was not given is written as what JavaScript makes of it.
    const reason = presence[4] === 'undefined' ? '' : presence[4];
    return presence[3] === 'left' ? irc.parted(who, reason) : irc.quit(who, reason);
  }
  const kick = /^(\S+) was kicked by (\S+) \((.*)\)$/su.exec(text);
  if (kick) return irc.kicked({ nick: kick[2]! }, kick[1]!, kick[3]);
  const mode = /^(\S+) set mode (.*)$/su.exec(text);
  if (mode) return irc.modeSet({ nick: mode[1]! }, mode[2]!);
  const nick = /^(\S+) changed nick to (\S+)$/su.exec(text);
  if (nick) return irc.renamed({ nick: nick[1]! }, nick[2]!);
  const topic = /^(\S+) changed topic to '(.*)'$/su.exec(text);
  return topic ? irc.topicSet({ nick: topic[1]! }, topic[2]!) : irc.told(text);
}
