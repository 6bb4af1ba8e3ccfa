/**
 * IRC lines as they came over the wire, as justlog and rustlog write and serve them (`channel.txt`, `{userid}.txt`, `?raw`), read
 * by the parsers that record them live, so that each line comes back byte for byte. Their time is Twitch's `tmi-sent-ts`, else
 * that of who received it (`rm-received-ts`), else IRCv3's `time`.
 * Sources: justlog's `filelog`, rustlog's `logs`, https://ircv3.net/specs/extensions/server-time
 */
import { type IrcView, parseIrcEvent } from '../../../connectors/irc/irc-event.ts';
import { ircNames } from '../../../connectors/irc/irc-names.ts';
import { OddLines } from '../../../connectors/irc/odd-lines.ts';
import { parseTags, splitIrcLine } from '../../../connectors/irc-line.ts';
import { parseTwitchLine } from '../../../connectors/twitch/twitch-line.ts';
import type { CapturedEvent, ChatEvent } from '../../../event.ts';
import {
  type ImportFormat,
  type LogLine,
  NOTHING,
  type Reading,
  type SourceInfo,
  unclear,
} from '../import-format.ts';
import { jsonTime } from './json-values.ts';
import { lineShare } from './line-share.ts';

const MESSAGE = /^(?:@\S+ +)?:\S+ +(?:[A-Z]+|\d{3}) /;

export const ircRaw: ImportFormat = {
  name: 'irc-raw',
  title: 'raw IRC lines (justlog, rustlog)',
  isLossless: true,
  says: ['channel'],
  detect({ lines }) {
    return lineShare(lines, MESSAGE) > 0.6 ? 'lines of the IRC protocol' : undefined;
  },
  open: (info) => {
    const platform = info.settings.platform ?? (isTwitch(info) ? 'twitch' : undefined);
    if (platform === undefined) throw unclear('platform', 'Add --platform irc-NETWORK.');
    const parse = platform === 'twitch' ? twitchParser : ircParser(platform);
    return { kind: 'lines', read: (line) => readLine(line, parse) };
  },
};

function isTwitch({ lines }: SourceInfo): boolean {
  return lineShare(lines, /tmi-sent-ts=|[ .]tmi\.twitch\.tv /) > 0.3;
}

type Parse = (line: string, timeMs: number) => CapturedEvent;

const twitchParser: Parse = (line, timeMs) => parseTwitchLine(line, timeMs);

function ircParser(platform: string): Parse {
  const view: IrcView = {
    platform,
    names: ircNames({}),
    nick: '',
    channelName: (target) => target,
    isModerator: () => false,
  };
  return (line, timeMs) => parseIrcEvent(line, timeMs, view);
}

function readLine({ text, bytes }: LogLine, parse: Parse): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  const timeMs = timeOf(text);
  if (timeMs === undefined)
    return [{ reject: MESSAGE.test(text) ? 'the line has no time' : 'no IRC line with a time' }];
  const { event } = bytes
    ? new OddLines().event(bytes, 'not UTF-8', 1, (line) => parse(line, timeMs))
    : parse(text, timeMs);
  return [{ event: imported(event) }];
}

/** The parsers write down when a line was received: of these nobody knows. */
function imported(event: ChatEvent): ChatEvent {
  return { ...event, source: 'import', received_at: undefined };
}

const TWITCH_TIME = /(?:^|;)tmi-sent-ts=([1-9]\d{11,12})(?:;|$)/;
const RECEIVED_TIME = /(?:^|;)rm-received-ts=([1-9]\d{11,12})(?:;|$)/;

function timeOf(line: string): number | undefined {
  const { tags } = splitIrcLine(line);
  const ms = TWITCH_TIME.exec(tags)?.[1] ?? RECEIVED_TIME.exec(tags)?.[1];
  return ms === undefined ? jsonTime(parseTags(tags)?.time)?.timeMs : Number(ms);
}
