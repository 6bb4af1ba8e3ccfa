/**
 * Text as PostgreSQL takes it: NUL and lone surrogates, which neither text nor jsonb can hold, are written as U+EE00 and
 * four hex digits; U+EE00 itself too, so that every text comes back as it was.
 */
const MARK = '\uEE00';
const REFUSED = /[\0\uEE00]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;
const ESCAPED = /\uEE00([0-9a-f]{4})/g;

export function databaseText(text: string): string {
  if (!text.includes('\0') && !text.includes(MARK) && text.isWellFormed()) return text;
  return text.replace(REFUSED, (unit) => MARK + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** What {@link databaseText} was given. */
export function plainText(text: string): string {
  if (!text.includes(MARK)) return text;
  return text.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
