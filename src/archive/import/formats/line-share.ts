/** The share of lines that a pattern recognises, 0 to 1; 0 of none. */
export function lineShare(lines: readonly string[], pattern: RegExp): number {
  const found = lines.filter((line) => pattern.test(line)).length;
  return lines.length === 0 ? 0 : found / lines.length;
}
