/** What people type into a search: `words "a phrase" or -without`. */
import { invalidParameter } from './api-error.ts';

/** Throws 400 where there is no word in it: nothing of it would be in the index. */
export function demandWords(parameter: string, text: string): string {
  if (/[\p{L}\p{N}]/u.test(text)) return text;
  throw invalidParameter(
    parameter,
    'should have a word in it',
    'Letters and digits make words; punctuation and emoji cannot be searched for.',
  );
}

/** Where the words that are asked for stand: UTF-16 offsets, the end excluded, in order and without overlap. */
export function highlights(text: string, words: string): [start: number, end: number][] {
  const wanted = wantedWords(words);
  const found: [number, number][] = [];
  for (const match of text.matchAll(WORD)) {
    if (wanted.has(match[0].toLowerCase())) found.push([match.index, match.index + match[0].length]);
  }
  return found;
}

const WORD = /[\p{L}\p{N}\p{M}_]+/gu;

function wantedWords(words: string): Set<string> {
  const withoutRefused = words.replace(/(?:^|\s)-(?:"[^"]*"?|\S+)/gu, ' ');
  const all = withoutRefused.toLowerCase().match(WORD) ?? [];
  // "or" joins words; it is one itself only where nothing else is asked for.
  return new Set(all.length > 1 ? all.filter((word) => word !== 'or') : all);
}
