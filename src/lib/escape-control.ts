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

/** The text with everything unseen as `\uXXXX`, safe to print. `keepLines` leaves tabs and line feeds alone. */
export function escapeControl(text: string, options: { keepLines?: boolean } = {}): string {
  return text.replace(options.keepLines ? UNSEEN_BUT_LINES : UNSEEN, escapeOne);
}

function escapeOne(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
