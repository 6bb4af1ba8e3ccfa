/**
 * The characters that are one where case does not matter (Unicode's simple case folding, as in RE2 and in JavaScript's `iu`),
 * the character itself among them: `k`, `K` and the Kelvin sign.
 */
export function caseVariants(character: string): string[] {
  if (/^[a-z]$/i.test(character)) {
    const lower = character.toLowerCase();
    return [lower, lower.toUpperCase(), ...(ASCII_RELATIVES[lower] ?? [])];
  }
  if (character < '\u0080') return [character];
  const isSame = new RegExp(`^${escapeRegex(character)}$`, 'iu');
  const variants = casedCharacters().filter((each) => isSame.test(each));
  return variants.length > 0 ? variants : [character];
}

/** Characters beyond ASCII that are letters of ASCII but for their case. */
const ASCII_RELATIVES: Record<string, string[]> = { k: ['\u212a'], s: ['\u017f'] };

/** All beyond it have no case. */
const CASED_END = 0x20000;
let cased: string[] | undefined;

function casedCharacters(): string[] {
  if (cased) return cased;
  cased = [];
  for (let code = 0; code < CASED_END; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const character = String.fromCodePoint(code);
    if (character.toLowerCase() !== character || character.toUpperCase() !== character) cased.push(character);
  }
  return cased;
}

/** For a regular expression with the flag `u`, in which only what is special may be escaped. */
export function escapeRegex(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
