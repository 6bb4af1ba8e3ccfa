/** V8 copies what is shorter; a longer part of a text keeps the whole text alive. */
const SLICED_FROM = 13;

/** A text of its own, to be kept for long: a part of a line would keep the whole chunk that the line came in. */
export function detachText(text: string): string {
  return text.length < SLICED_FROM ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}
