import { RE2JS } from 're2js';

/** As RE2JS keeps it: what a text must have in it to match. */
interface Prefilter {
  type: number;
  str: string;
  subs: readonly Prefilter[];
}

const EXACT = 1;
const ALL = 2;
const ANY = 3;
const TEXTS_MAX = 50;

/**
 * Texts of which every match of the expression has at least one, where case matters or not; undefined where that cannot be
 * told. Throws what the engine throws of an expression that is none.
 */
export function requiredTexts(regex: string): string[] | undefined {
  // Without regard to case: what is said of case by the caller is said of these texts too.
  const prefilter = RE2JS.compile(regex).re2Input.prefilter as Prefilter | null;
  const texts = prefilter === null ? undefined : textsOf(prefilter);
  return texts && texts.length <= TEXTS_MAX ? texts : undefined;
}

function textsOf({ type, str, subs }: Prefilter): string[] | undefined {
  if (type === EXACT) return str === '' ? undefined : [str];
  const parts = subs.map(textsOf);
  if (type === ANY) return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  if (type !== ALL) return undefined;
  return parts.reduce((best, part) => (shortest(part) > shortest(best) ? part : best), undefined);
}

/** What is longer is rarer. */
function shortest(texts: readonly string[] | undefined): number {
  return texts === undefined ? 0 : Math.min(...texts.map(({ length }) => length));
}
