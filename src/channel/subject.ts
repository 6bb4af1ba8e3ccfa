/**
 * What an event is about, in one word: `<platform>.<channel>.<type>`, as `twitch.xqc.message` or `irc-libera.%23linux.join`.
 * Each part is encoded as in keys, in lower case, and has no dot of its own.
 *
 * Patterns have the same parts: `*` stands for any text of one part, `?` for any character of it, `>` at the end for all that
 * follows.
 */
import type { ChatEvent } from '../event.ts';
import { encodeName } from '../segment-name.ts';

/** The subject of an event. */
export function subjectOf(event: Pick<ChatEvent, 'platform' | 'channel' | 'type'>): string {
  return `${subjectToken(event.platform)}.${subjectToken(event.channel)}.${event.type ?? 'message'}`;
}

/** One part of a subject. Of a part of a pattern `*` and `?` keep their meaning. */
export function subjectToken(text: string, { isPattern = false } = {}): string {
  const encode = (plain: string) =>
    plain === '' ? '' : encodeName(plain.toLowerCase()).replaceAll('.', '%2E');
  if (!isPattern) return encode(text);
  return text.replace(/[^*?]+/gu, encode);
}

/** Whether a subject is of one of the patterns; remembers what it was asked, up to a bound. */
export function subjectMatcher(patterns: readonly string[]): (subject: string) => boolean {
  const expressions = patterns.map(expressionOf);
  const known = new Map<string, boolean>();
  return (subject) => {
    let isOne = known.get(subject);
    if (isOne === undefined) {
      isOne = expressions.some((expression) => expression.test(subject));
      if (known.size >= REMEMBERED_MAX) known.clear();
      known.set(subject, isOne);
    }
    return isOne;
  };
}

const REMEMBERED_MAX = 10_000;

function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(/[*?>]|[^*?>]+/gu, (part) => {
    if (part === '*') return '[^.]*';
    // An encoded character is one.
    if (part === '?') return '(?:%[0-9A-F]{2}|[^.])';
    return part === '>' ? '.*' : RegExp.escape(part);
  });
  return new RegExp(`^${source}$`, 'su');
}
