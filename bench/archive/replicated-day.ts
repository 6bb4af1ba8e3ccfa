/**
 * A busy channel's day made of the corpus' eight minutes, one copy after another. What no two messages share in real chat is
 * made anew for every copy:
 *
 *     ids         random, also where replies and deletions name them
 *     times       the copy's own; received 20 to 170 ms later
 *     people      stay for some copies and go; each gets a name of the same letters-and-digits shape and a new user id
 *     texts       as they were said, or dealt: a chain of words in which each follows another as often as in the corpus,
 *                 so that no text comes again that would not in real chat
 *
 * Badges, colours, emotes and the channel's own tags stay as they are.
 */
import { parseTwitchLine } from '../../src/connectors/twitch/twitch-line.ts';
import type { ChatEvent } from '../../src/event.ts';
import { corpusLines } from '../../test/support/corpus.ts';
import { seededRandom } from '../../test/support/index-lines.ts';

export interface ReplicatedDayOptions {
  copies: number;
  /** Of the day. */
  startMs: number;
  /** Share of the people of one copy who are there in the next one, too. */
  staying: number;
  texts: 'said' | 'dealt';
}

const DAY_MS = 86_400_000;
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** Each copy's lines without their ends, in the order of their arrival. */
export function* replicatedDay({
  copies,
  startMs,
  staying,
  texts,
}: ReplicatedDayOptions): Generator<string[]> {
  const random = seededRandom(1);
  const corpus = corpusLines().map((line) => ({ line, sentMs: Number(/tmi-sent-ts=(\d+)/.exec(line)![1]) }));
  const firstMs = Math.min(...corpus.map(({ sentMs }) => sentMs));
  const spanMs = Math.max(...corpus.map(({ sentMs }) => sentMs)) - firstMs + 1;
  const deal = wordChain(
    corpus.map(({ line }) => parseTwitchLine(line, firstMs).event.message),
    random,
  );
  let people = new Map<string, string>();
  for (let copy = 0; copy < copies; copy++) {
    people = new Map([...people].filter(() => random(1_000) < staying * 1_000));
    const ids = new Map<string, string>();
    yield corpus.map(({ line, sentMs }) => {
      const timeMs = Math.floor(startMs + ((copy + (sentMs - firstMs) / spanMs) * DAY_MS) / copies);
      const own = renamed(line.replace(/tmi-sent-ts=\d+/, `tmi-sent-ts=${timeMs}`), people, random).replace(
        UUID,
        (id) => remembered(ids, id, () => uuid(random)),
      );
      const { event } = parseTwitchLine(own, timeMs + 20 + random(150));
      return JSON.stringify(texts === 'dealt' ? withText(event, deal) : event);
    });
  }
}

type Random = ReturnType<typeof seededRandom>;

function remembered(map: Map<string, string>, key: string, make: () => string): string {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Whoever speaks or is spoken of by the platform has another name and id. */
function renamed(line: string, people: Map<string, string>, random: Random): string {
  const name = (text: string) => {
    const other = remembered(people, text.toLowerCase(), () => sameShape(text, random));
    return text === text.toLowerCase() ? other.toLowerCase() : other;
  };
  return line
    .replace(/(user-id=\d)(\d+)/g, (whole, head: string, rest: string) =>
      remembered(people, whole, () => head + sameShape(rest, random)),
    )
    .replace(/display-name=([^;]*)/, (_, text: string) => `display-name=${name(text)}`)
    .replace(/:([a-z0-9_]+)!\1@\1\./, (_, login: string) => `:${name(login)}!${name(login)}@${name(login)}.`)
    .replace(/( CLEARCHAT #\S+ :)(\S+)$/, (_, head: string, login: string) => head + name(login));
}

function sameShape(text: string, random: Random): string {
  return text.replace(/[a-z]|[A-Z]|\d/g, (character) => {
    if (/\d/.test(character)) return String(random(10));
    return String.fromCharCode((/[a-z]/.test(character) ? 97 : 65) + random(26));
  });
}

function uuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => random(16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${'89ab'[random(4)]}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** Texts as long as the corpus' own, word by word. */
function wordChain(texts: readonly string[], random: Random): (words: number) => string {
  const first = texts.map((text) => text.split(' ')[0]!);
  const after = new Map<string, string[]>();
  for (const text of texts) {
    const words = text.split(' ');
    for (const [index, word] of words.slice(0, -1).entries()) {
      const followers = after.get(word) ?? [];
      followers.push(words[index + 1]!);
      after.set(word, followers);
    }
  }
  return (count) => {
    const words = [first[random(first.length)]!];
    while (words.length < count) {
      const followers = after.get(words.at(-1)!) ?? first;
      words.push(followers[random(followers.length)]!);
    }
    return words.join(' ');
  };
}

function withText(event: ChatEvent, deal: (words: number) => string): ChatEvent {
  if (event.message === '' || event.raw !== undefined) return event;
  return { ...event, message: deal(event.message.split(' ').length) };
}
