/**
 * Characters that change what a person sees without being seen: controls, bidirectional overrides, line and
 * paragraph separators, invisible marks, halves of surrogate pairs.
 */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;
const UNSEEN_BUT_LINES = new RegExp(
  UNSEEN.source.replace('\\u0000-\\u001f', '\\u0000-\\u0008\\u000b-\\u001f'),
  'gu',
);

/** Joiners, variation marks and the like, which belong to emoji and to many scripts. */
const JOINERS = /[\u00ad\u200b-\u200d\u2060-\u2064]/;

/**
 * The text with everything unseen as `\uXXXX`, safe to print. `keepLines` leaves tabs and line feeds alone, `keepJoiners`
 * what emoji and scripts are joined with: for texts that are read, not for names that must not be mistaken.
 */
export function escapeControl(
  text: string,
  options: { keepLines?: boolean; keepJoiners?: boolean } = {},
): string {
  const { keepLines, keepJoiners } = options;
  return text.replace(keepLines ? UNSEEN_BUT_LINES : UNSEEN, (character) =>
    keepJoiners && JOINERS.test(character) ? character : escapeOne(character),
  );
}

function escapeOne(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
