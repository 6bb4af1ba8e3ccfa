import { RE2JS } from 're2js';
import { escapeRegex } from './case-variants.ts';
import type { SearchPattern } from './search-query.ts';

/** Whether a text has a match in it. Throws what the engine throws of an expression that is none. */
export function textTest(pattern: SearchPattern): (text: string) => boolean {
  const { kind, source, ignoreCase } = pattern;
  if (kind === 'regex') {
    const regex = compileRegex(pattern);
    return (text) => regex.test(text);
  }
  if (!ignoreCase) return (text) => text.includes(source);
  const regex = new RegExp(escapeRegex(source), 'iu');
  return (text) => regex.test(text);
}

/** Where in a text the matches are that are not empty: from, and to. */
export function textRanges(pattern: SearchPattern): (text: string) => [from: number, to: number][] {
  const matches = matcher(pattern);
  return (text) => {
    const ranges: [number, number][] = [];
    for (const { 0: match, index } of matches(text))
      if (match !== '') ranges.push([index, index + match.length]);
    return ranges;
  };
}

function matcher(pattern: SearchPattern): (text: string) => Iterable<{ 0: string; index: number }> {
  if (pattern.kind === 'regex') {
    const regex = compileRegex(pattern);
    return (text) => regex.matchAll(text) as Iterable<{ 0: string; index: number }>;
  }
  const regex = new RegExp(escapeRegex(pattern.source), pattern.ignoreCase ? 'giu' : 'gu');
  return (text) => text.matchAll(regex);
}

function compileRegex({ source, ignoreCase }: SearchPattern): RE2JS {
  return RE2JS.compile(source, ignoreCase ? RE2JS.CASE_INSENSITIVE : 0);
}
