import fc from 'fast-check';
import { RE2JS } from 're2js';
import { describe, expect, it } from 'vitest';
import { oddLine, recordedLine } from '../../../test/support/odd-lines.ts';
import { type ArchiveUser, concerns } from '../../archive-query/archive-request.ts';
import type { ChatEvent, EventType } from '../../event.ts';
import { caseVariants } from './case-variants.ts';
import { lineSearch } from './line-search.ts';
import { requiredTexts } from './required-texts.ts';
import type { SearchPattern, SearchQuery } from './search-query.ts';
import { textRanges } from './text-test.ts';

const LF = Buffer.from('\n');

function found(lines: readonly Buffer[], query: SearchQuery, users: readonly ArchiveUser[] = []): string[] {
  const bytes = Buffer.concat(lines.flatMap((line) => [line, LF]));
  const hits: string[] = [];
  lineSearch(query, users)(bytes, (start, end) => hits.push(bytes.toString('latin1', start, end)));
  return hits;
}

/** Each line parsed and looked at by itself. */
function expected(
  lines: readonly Buffer[],
  query: SearchQuery,
  users: readonly ArchiveUser[] = [],
): string[] {
  const { pattern, where, types } = query;
  const isMatch = pattern ? plainTest(pattern) : () => true;
  return lines.flatMap((line) => {
    if (line.length === 0) return [];
    const event = eventOf(line);
    const text = where === 'line' ? line.toString() : event?.message;
    const type = event && (event.type ?? 'message');
    const isFound =
      (!pattern || (typeof text === 'string' && isMatch(text))) &&
      (types.length === 0 || types.includes(type as EventType)) &&
      (users.length === 0 || (event !== undefined && users.some((user) => concerns(event, user))));
    return isFound ? [line.toString('latin1')] : [];
  });
}

function eventOf(line: Buffer): ChatEvent | undefined {
  try {
    const event: unknown = JSON.parse(line.toString());
    return typeof event === 'object' && event !== null && !Array.isArray(event)
      ? (event as ChatEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

function plainTest({ kind, source, ignoreCase }: SearchPattern): (text: string) => boolean {
  if (kind === 'regex') {
    const regex = RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
    return (text) => regex.matcher(text).find();
  }
  if (!ignoreCase) return (text) => text.includes(source);
  const regex = new RegExp(
    source.replace(
      /[^\p{L}\p{N}\p{M}\p{So}\p{Cs} ]/gu,
      (each) => `\\u{${each.codePointAt(0)!.toString(16)}}`,
    ),
    'iu',
  );
  return (text) => regex.test(text);
}

const line = fc.oneof(
  { weight: 4, arbitrary: recordedLine.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: oddLine },
);
const lines = fc.array(line, { maxLength: 20 });
const where = fc.constantFrom('message' as const, 'line' as const);

/** Some of what a line says, in any case, or something else. */
function textOf(all: readonly Buffer[]): fc.Arbitrary<string> {
  const messages = all
    .map((each) => eventOf(each)?.message)
    .filter((text) => typeof text === 'string' && text !== '');
  const other = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 });
  if (messages.length === 0) return other;
  const part = fc
    .tuple(fc.constantFrom(...(messages as string[])), fc.nat(), fc.integer({ min: 1, max: 6 }), fc.nat(3))
    .map(([text, from, length, change]) => {
      const characters = [...text];
      const start = from % characters.length;
      const slice = characters.slice(start, start + length).join('');
      return [slice, slice.toUpperCase(), slice.toLowerCase(), slice][change]!;
    });
  return fc.oneof({ weight: 3, arbitrary: part }, { weight: 1, arbitrary: other });
}

describe('a search finds what looking at each line finds', () => {
  it('for a text, with and without regard to case', () => {
    const cases = lines.chain((all) => fc.tuple(fc.constant(all), textOf(all), fc.boolean(), where));
    fc.assert(
      fc.property(cases, ([all, source, ignoreCase, place]) => {
        fc.pre(source.isWellFormed() && !source.includes('\n'));
        const query: SearchQuery = { pattern: { kind: 'text', source, ignoreCase }, where: place, types: [] };
        expect(found(all, query)).toEqual(expected(all, query));
      }),
      { numRuns: 500 },
    );
  });

  it('for a regular expression', () => {
    const regex = fc.constantFrom(
      ...[
        '\\d{3,}',
        '^!\\w+',
        'https?://\\S+',
        'a|e|o',
        '[aeiou]{2}',
        'x*',
        '(?i)kappa|lul',
        '\\p{Greek}+',
        'k',
        'S',
        '^$',
      ],
      ...['.', '\\bthe\\b', '(?:ha)+', '"', '\\\\', 'é|É', 'ß', '^.{50,}$', '[^a-z ]', 'foo.*bar|l.l'],
    );
    fc.assert(
      fc.property(lines, regex, fc.boolean(), where, (all, source, ignoreCase, place) => {
        const query: SearchQuery = {
          pattern: { kind: 'regex', source, ignoreCase },
          where: place,
          types: [],
        };
        expect(found(all, query)).toEqual(expected(all, query));
      }),
      { numRuns: 500 },
    );
  });

  it('for people and types', () => {
    const types = fc.subarray<EventType>(['message', 'timeout', 'delete', 'notice', 'raw', 'join']);
    const user = (all: readonly Buffer[]) =>
      fc
        .constantFrom('ann', 'no"body', ...all.map((each) => String(eventOf(each)?.username ?? 'x')))
        .chain((name) =>
          fc.constantFrom<ArchiveUser>(
            { id: undefined, logins: [name.toLowerCase()] },
            { id: name, logins: [] },
          ),
        );
    const cases = lines.chain((all) =>
      fc.tuple(fc.constant(all), types, fc.array(user(all), { maxLength: 2 })),
    );
    fc.assert(
      fc.property(cases, ([all, wanted, users]) => {
        const query: SearchQuery = { pattern: undefined, where: 'message', types: wanted };
        expect(found(all, query, users)).toEqual(expected(all, query, users));
      }),
      { numRuns: 500 },
    );
  });
});

it('knows all characters that differ by case alone', () => {
  for (const character of ['k', 'S', 'é', 'ß', 'σ', 'ǆ', 'ꙋ', 'µ', '9', 'é', '😀', 'İ', 'ı', '/', 'a', 'Z']) {
    const isSame = new RegExp(`^\\u{${character.codePointAt(0)!.toString(16)}}$`, 'iu');
    const same = Array.from({ length: 0x20000 }, (_, code) => String.fromCodePoint(code)).filter((each) =>
      isSame.test(each),
    );
    expect(caseVariants(character).sort()).toEqual(same.length > 0 ? same.sort() : [character]);
  }
});

it('derives texts that every match has in it', () => {
  expect(requiredTexts('kekw')).toEqual(['kekw']);
  expect(requiredTexts('lol|lul')).toEqual(['ol', 'ul']);
  expect(requiredTexts('https?://\\S+')).toEqual(['http']);
  expect(requiredTexts('(?:foo|bar)x.*bazz')).toEqual(['bazz']);
  for (const regex of ['\\d+', 'x*', 'a|', '(?i)foo', '']) expect(requiredTexts(regex)).toBeUndefined();
  expect(() => requiredTexts('(a')).toThrow('missing closing )');
});

it('gives an expression no more time than there is text', () => {
  const text = Buffer.from(JSON.stringify({ message: 'a'.repeat(20_000) }));
  const query: SearchQuery = {
    pattern: { kind: 'regex', source: '(a*)*b|(a|aa)+$x', ignoreCase: true },
    where: 'message',
    types: [],
  };
  expect(found([text], query)).toEqual([]);
});

it('says where in a text the matches are', () => {
  const ranges = (kind: 'text' | 'regex', source: string, text: string) =>
    textRanges({ kind, source, ignoreCase: true })(text);
  expect(ranges('text', 'lo', 'LOL lo')).toEqual([
    [0, 2],
    [4, 6],
  ]);
  expect(ranges('regex', 'l*', 'all')).toEqual([[1, 3]]);
  expect(ranges('regex', '\\d+', '👌 12 3')).toEqual([
    [3, 5],
    [6, 7],
  ]);
});
