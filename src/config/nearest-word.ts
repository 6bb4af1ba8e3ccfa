import { distance } from 'fastest-levenshtein';

/** The word that was probably meant; undefined where none is near. */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.slice(0, 64).toLowerCase();
  const tolerance = Math.min(3, Math.floor(typed.length / 2));
  let best: { candidate: string; steps: number } | undefined;
  for (const candidate of candidates) {
    const steps = distance(squash(typed), squash(candidate.toLowerCase()));
    if (steps <= tolerance && (!best || steps < best.steps)) best = { candidate, steps };
  }
  return best?.candidate ?? prefixed(typed, candidates);
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

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const nearest = nearestWord(word, candidates);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}
