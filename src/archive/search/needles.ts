/**
 * Texts of which every line that matches has at least one, found in the bytes of many lines at once: only the lines around
 * them are looked at closer.
 *
 * Lines are searched as they are stored. They were written by `JSON.stringify`, which escapes `"`, `\`, controls and halves of
 * surrogate pairs and nothing else: what other programs might write as `\u00e9` or `\/` is not found so.
 */
import { caseVariants } from './case-variants.ts';

export interface Needles {
  /** None is empty. */
  texts: readonly string[];
  ignoreCase: boolean;
  /** They stand within a string of JSON. */
  inJson: boolean;
}

/** Finds needles in the bytes of some lines. */
export interface NeedleFinder {
  /** The place of some byte of the next needle at or behind `from`; -1 where there is none. */
  next(from: number): number;
  /** The bytes as characters (latin1), where it has made them. */
  characters: string | undefined;
}

/** Shorter ones are in so many lines that it pays to have the bytes as characters. */
const RARE_CHARS_MIN = 3;

/** Makes finders for one buffer after another. */
export function needleFinder(needles: Needles): (lines: Buffer) => NeedleFinder {
  const { texts, ignoreCase, inJson } = needles;
  const text = texts[0]!;
  const isOne = texts.length === 1 && text.length >= RARE_CHARS_MIN;
  if (isOne && (!ignoreCase || [...text].every((each) => caseVariants(each).length === 1))) {
    const bytes = Buffer.from(inJson ? escapeJson(text) : text);
    return (lines) => ({ next: (from) => lines.indexOf(bytes, from), characters: undefined });
  }
  // Bytes as characters: V8 goes through them at 2 to 3 GB/s. No part repeats, so that nothing is tried twice for long.
  const pattern = new RegExp(texts.map((each) => bytesPattern(each, needles)).join('|'), 'g');
  return (lines) => {
    const characters = lines.toString('latin1');
    const next = (from: number) => {
      pattern.lastIndex = from;
      return pattern.test(characters) ? pattern.lastIndex - 1 : -1;
    };
    return { next, characters };
  };
}

function bytesPattern(text: string, { ignoreCase, inJson }: Needles): string {
  return Array.from(text, (character) => {
    const variants = ignoreCase ? caseVariants(character) : [character];
    return alternatives(
      variants.map((each) => Buffer.from(inJson ? escapeJson(each) : each).toString('latin1')),
    );
  }).join('');
}

function alternatives(texts: readonly string[]): string {
  const single = texts.filter(({ length }) => length === 1).map(escapeBytes);
  const longer = texts.filter(({ length }) => length > 1).map(escapeBytes);
  const parts = single.length > 1 ? [`[${single.join('')}]`, ...longer] : [...single, ...longer];
  return parts.length === 1 ? parts[0]! : `(?:${parts.join('|')})`;
}

function escapeBytes(text: string): string {
  return text.replace(/[^A-Za-z0-9]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function escapeJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
