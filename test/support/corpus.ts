/**
 * Real Twitch lines: 5,000 of one channel (#xqcow) over eight minutes of 2019, as they came over the wire.
 * Their times are not monotonic, one is of a cheer, 58 are bans and timeouts, nine are subscriptions.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The channel of every line, without `#`. */
export const CORPUS_CHANNEL = 'xqcow';

const FILE = new URL('../corpora/twitch-irc-lines.txt.gz', import.meta.url);

let lines: readonly string[] | undefined;

/** All lines in the order of their arrival, without line ends. */
export function corpusLines(): readonly string[] {
  lines ??= Object.freeze(gunzipSync(readFileSync(FILE)).toString('utf8').split('\r\n').slice(0, -1));
  return lines;
}

/** Lines by IRC command: `PRIVMSG`, `CLEARCHAT`, `USERNOTICE`. */
export function corpusLinesOf(command: string): readonly string[] {
  return corpusLines().filter((line) => commandOf(line) === command);
}

/** The corpus on another channel: the lines are real but for the channel's name. */
export function corpusLinesOn(channel: string): readonly string[] {
  return corpusLines().map((line) => line.replace(` #${CORPUS_CHANNEL}`, ` #${channel}`));
}

/** The IRC command of a line: the first word after tags and prefix. */
export function commandOf(line: string): string {
  return /^(?:@[^ ]+ +)?(?::[^ ]+ +)?([^ ]+)/.exec(line)?.[1] ?? '';
}

/** The channel that a line names, without `#`; undefined where it names none. */
export function channelOf(line: string): string | undefined {
  return /^(?:@[^ ]+ +)?(?::[^ ]+ +)?[^ ]+ +#([^ ]+)/.exec(line)?.[1];
}
