import { distance } from 'fastest-levenshtein';

/** The word that was probably meant; undefined where none is near. */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.slice(0, TYPED_MAX);
  const near = withinSteps(typed, candidates, Math.min(3, Math.floor(typed.length / 2)));
  return near ?? prefixed(typed.toLowerCase(), candidates);
}

/** Among names of all kinds and origins, as an environment's are: only a slip or two in a long name counts. */
export function misspeltWord(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.slice(0, TYPED_MAX);
  return withinSteps(typed, candidates, Math.min(2, Math.floor(typed.length / 4)));
}

const TYPED_MAX = 64;

function withinSteps(word: string, candidates: Iterable<string>, tolerance: number): string | undefined {
  const typed = squash(word.toLowerCase());
  let best: { candidate: string; steps: number } | undefined;
  for (const candidate of candidates) {
    const steps = distance(typed, squash(candidate.toLowerCase()));
    if (steps <= tolerance && (!best || steps < best.steps)) best = { candidate, steps };
  }
  return best?.candidate;
}

/** The only word that begins with what was typed. */
function prefixed(typed: string, candidates: Iterable<string>): string | undefined {
  const longer = [...candidates].filter((candidate) =>
    squash(candidate.toLowerCase()).startsWith(squash(typed)),
  );
  return typed.length >= PREFIX_MIN && longer.length === 1 ? longer[0] : undefined;
}

const PREFIX_MIN = 3;

/** `samplingRate`, `sampling-rate` and `sampling_rate` are the same slip. */
function squash(word: string): string {
  return word.replace(/[\s_-]/g, '');
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  return suggestion(nearestWord(word, candidates));
}

/** As {@link didYouMean}, for {@link misspeltWord}. */
export function didYouMisspell(word: string, candidates: Iterable<string>): string {
  return suggestion(misspeltWord(word, candidates));
}

function suggestion(word: string | undefined): string {
  return word === undefined ? '' : `; did you mean "${word}"?`;
}
