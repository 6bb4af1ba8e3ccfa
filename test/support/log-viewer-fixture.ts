/**
 * Months of chat in an index, for the suites of the log viewers' API: two Twitch channels (the real corpus, on several days
 * and over midnight), every kind of line, a user who was renamed, an IRC channel.
 */

import type { ChatEvent } from '../../src/event.ts';
import { CORPUS_CHANNEL, corpusLines } from './corpus.ts';
import { irc } from './irc-event.ts';
import { laterLine, twitchEvent } from './log-events.ts';

export const CHANNEL = CORPUS_CHANNEL;
export const CHANNEL_ID = '71092938';
export const OTHER_CHANNEL = 'forsen';
export const OTHER_CHANNEL_ID = '22484632';
/** Of most lines, with timeouts; renamed in December. */
export const USER = { id: '13648152', login: 'cecak', displayName: 'Cecak', laterLogin: 'cecak_neu' };
/** "Now", for the routes. */
export const NOW_MS = Date.UTC(2020, 0, 15, 12);

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** A line as Twitch sent it, and when. */
export interface SaidLine {
  line: string;
  channel: string;
  timeMs: number;
  command: string;
  userId: string | undefined;
}

export function said(line: string): SaidLine {
  return {
    line,
    channel: /^(?:@[^ ]+ )?:[^ ]+ [A-Z]+ #([^ ]+)/.exec(line)![1]!,
    timeMs: Number(/tmi-sent-ts=(\d+)/.exec(line)![1]),
    command: /^(?:@[^ ]+ )?:[^ ]+ ([A-Z]+)/.exec(line)![1]!,
    userId: /[;@](?:target-)?user-id=(\d+)/.exec(line)?.[1],
  };
}

const every10th = corpusLines().filter((_, index) => index % 10 === 0);
const onOther = (line: string) =>
  line
    .replace(` #${CHANNEL}`, ` #${OTHER_CHANNEL}`)
    .replace(`room-id=${CHANNEL_ID}`, `room-id=${OTHER_CHANNEL_ID}`);
const renamed = (line: string) =>
  line
    .replaceAll(`${USER.login}!`, `${USER.laterLogin}!`)
    .replaceAll(`@${USER.login}.`, `@${USER.laterLogin}.`)
    .replaceAll(`:${USER.login}!`, `:${USER.laterLogin}!`)
    .replaceAll(`!${USER.login}@`, `!${USER.laterLogin}@`)
    .replaceAll(`display-name=${USER.displayName}`, 'display-name=CecakNeu');
const later = (lines: readonly string[], ms: number) => lines.map((line) => laterLine(line, ms));
const cecakLines = corpusLines().filter(
  (line) => line.includes(`user-id=${USER.id}`) && line.includes(' PRIVMSG '),
);

/** Lines of their own kind, on 15 September 2019 at 12:00. */
const at = (seconds: number) => Date.UTC(2019, 8, 15, 12, 0, seconds);
export const ODD_LINES = {
  action: `@badge-info=;badges=;color=;display-name=Ann;emotes=;flags=;id=00000000-0000-4000-8000-000000000001;mod=0;room-id=${CHANNEL_ID};subscriber=0;tmi-sent-ts=${at(1)};turbo=0;user-id=777;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${CHANNEL} :\x01ACTION waves\x01`,
  unsortedTags: `@user-id=777;badges=;tmi-sent-ts=${at(2)};id=00000000-0000-4000-8000-000000000002;display-name=Ann;room-id=${CHANNEL_ID};badge-info= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${CHANNEL} :tags in another order;  two spaces `,
  noPrefixUser: `@badge-info=;badges=;client-nonce=x;color=;display-name=\u30A2\u30F3;emotes=;flags=;id=00000000-0000-4000-8000-000000000003;mod=0;room-id=${CHANNEL_ID};subscriber=0;tmi-sent-ts=${at(3)};turbo=0;user-id=777;user-type= :ann!ann@ann.tmi.twitch.tv PRIVMSG #${CHANNEL} ::starts with a colon \u{1F600} \u202E`,
  ban: `@room-id=${CHANNEL_ID};target-user-id=778;tmi-sent-ts=${at(4)} :tmi.twitch.tv CLEARCHAT #${CHANNEL} :bob`,
  timeout: `@ban-duration=600;room-id=${CHANNEL_ID};target-user-id=777;tmi-sent-ts=${at(5)} :tmi.twitch.tv CLEARCHAT #${CHANNEL} :ann`,
  clear: `@room-id=${CHANNEL_ID};tmi-sent-ts=${at(6)} :tmi.twitch.tv CLEARCHAT #${CHANNEL}`,
  clearmsg: `@login=ann;room-id=;target-msg-id=00000000-0000-4000-8000-000000000001;tmi-sent-ts=${at(7)} :tmi.twitch.tv CLEARMSG #${CHANNEL} :waves`,
  announcement: `@badge-info=;badges=;color=;display-name=Ann;emotes=;flags=;id=00000000-0000-4000-8000-000000000004;login=ann;mod=0;msg-id=resub;room-id=${CHANNEL_ID};subscriber=0;system-msg=Ann\\ssubscribed\\sfor\\s5\\smonths!;tmi-sent-ts=${at(8)};user-id=777;user-type= :tmi.twitch.tv USERNOTICE #${CHANNEL} :hello\\there all`,
  // No part of a log.
  notice: `@msg-id=slow_on;tmi-sent-ts=${at(9)} :tmi.twitch.tv NOTICE #${CHANNEL} :This room is now in slow mode.`,
  roomstate: `@emote-only=0;room-id=${CHANNEL_ID};tmi-sent-ts=${at(10)} :tmi.twitch.tv ROOMSTATE #${CHANNEL}`,
} as const;

/** All lines that make up logs, in the order of their arrival. */
export const LOG_LINES: readonly SaidLine[] = [
  ...corpusLines(),
  ...later(corpusLines().slice(0, 100), -15 * DAY_MS),
  // From the 17th to the 18th, from September to October; nothing on the 16th.
  ...later(every10th, 3 * DAY_MS - 4 * MINUTE_MS),
  ...later(every10th, 16 * DAY_MS - 4 * MINUTE_MS),
  ...later(cecakLines, 81 * DAY_MS).map(renamed),
  ...later(corpusLines().slice(0, 60), 81 * DAY_MS + 1).filter((line) => !line.includes(USER.id)),
  // Today.
  ...later(corpusLines().slice(0, 30), 122 * DAY_MS).filter((line) => !line.includes(USER.id)),
  ...later(every10th.slice(0, 200), 7).map(onOther),
  ...Object.values(ODD_LINES),
]
  .map(said)
  .filter(({ command }) => ['PRIVMSG', 'USERNOTICE', 'CLEARCHAT', 'CLEARMSG'].includes(command));

export const IRC_PLATFORM = 'irc-libera';
export const IRC_CHANNEL = '#chatlog';
export const IRC_LINES = [
  '@time=2019-09-15T09:00:00.000Z;msgid=a1 :Ann!ann@host PRIVMSG #chatlog :hello from IRC',
  '@time=2019-09-15T09:00:01.000Z :Bot!bot@host NOTICE #chatlog :beep',
  '@time=2019-09-15T09:00:02.000Z;msgid=a3 :Op!op@host KICK #chatlog Ann :enough',
  '@time=2019-09-15T09:00:03.000Z :Op!op@host MODE #chatlog +b *!*@host',
] as const;

/** Not UTF-8: as recorded, and the bytes that came. */
export const BYTES_LINE = Buffer.concat([
  Buffer.from('@time=2019-09-15T09:00:04.000Z;msgid=a5 :Ann!ann@host PRIVMSG #chatlog :caf'),
  Buffer.from([0xe9]),
]);

export function logEvents(): ChatEvent[] {
  const others = [ODD_LINES.notice, ODD_LINES.roomstate].map(twitchEvent);
  const bytes = irc(BYTES_LINE.toString('utf8'));
  return [
    ...LOG_LINES.map(({ line }) => twitchEvent(line)),
    ...others,
    ...IRC_LINES.map(irc),
    { ...bytes, raw: BYTES_LINE.toString('utf8'), raw_base64: BYTES_LINE.toString('base64') },
  ];
}
