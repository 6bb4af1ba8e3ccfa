/** Finds the lines that a query asks for among the bytes of many lines. */
import type { ArchiveUser } from '../../archive-query/archive-request.ts';
import { parsedLine } from '../scan/line-facts.ts';
import { EVERYTHING, eventMatcher, neededTexts } from '../selection.ts';
import { lineMessage, lineType } from './line-head.ts';
import { type NeedleFinder, needleFinder } from './needles.ts';
import { requiredTexts } from './required-texts.ts';
import type { SearchQuery } from './search-query.ts';
import { textTest } from './text-test.ts';

const NEWLINE = 0x0a;

/** Calls `found` with the places of the lines that match, `end` without the `\n`. `lines` are whole ones. */
export type LineSearch = (lines: Buffer, found: (start: number, end: number) => void) => void;

export function lineSearch(query: SearchQuery, users: readonly ArchiveUser[]): LineSearch {
  const finderOf = finder(query, users);
  const matches = lineMatcher(query, users);
  return (lines, found) => {
    const { next, characters } = finderOf(lines);
    for (let at = 0; at < lines.length; ) {
      const hit = next(at);
      if (hit < 0) return;
      const start = lines.lastIndexOf(NEWLINE, hit) + 1;
      const newline = lines.indexOf(NEWLINE, hit);
      const end = newline < 0 ? lines.length : newline;
      if (end > start && matches(lines, start, end, characters)) found(start, end);
      at = end + 1;
    }
  };
}

/** By what is rarest, as far as that can be told. */
function finder(
  { pattern, where, types }: SearchQuery,
  users: readonly ArchiveUser[],
): (lines: Buffer) => NeedleFinder {
  const names = neededTexts({ users });
  if (names) return needleFinder({ texts: names, ignoreCase: true, inJson: false });
  if (types.length > 0 && !types.includes('message')) {
    const texts = types.map((type) => `"${type}"`);
    return needleFinder({ texts, ignoreCase: false, inJson: false });
  }
  const texts = pattern && (pattern.kind === 'text' ? [pattern.source] : requiredTexts(pattern.source));
  if (texts) return needleFinder({ texts, ignoreCase: pattern!.ignoreCase, inJson: where === 'message' });
  return (lines) => ({ next: (from) => from, characters: lines.toString('latin1') });
}

type LineMatcher = (lines: Buffer, start: number, end: number, characters: string | undefined) => boolean;

function lineMatcher({ pattern, where, types }: SearchQuery, users: readonly ArchiveUser[]): LineMatcher {
  const tests: LineMatcher[] = [];
  const isText = pattern && textTest(pattern);
  if (isText && where === 'line')
    tests.push((lines, start, end) => isText(lines.toString('utf8', start, end)));
  if (types.length > 0) {
    const wanted = new Set<string | undefined>(types);
    tests.push((lines, start, end) => wanted.has(lineType(lines, start, end)));
  }
  if (isText && where === 'message') {
    tests.push((lines, start, end, characters) => {
      const message = lineMessage(lines, start, end, characters);
      return message !== undefined && isText(message);
    });
  }
  const isOfUsers = eventMatcher({ ...EVERYTHING, users });
  if (isOfUsers) {
    tests.push((lines, start, end) => {
      const event = parsedLine(lines, start, end);
      return event !== undefined && isOfUsers(event);
    });
  }
  return (lines, start, end, characters) => tests.every((test) => test(lines, start, end, characters));
}
