/** `INVARIANTS.md` must be true of the tests as they stand. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TEXT = readFileSync(`${ROOT}INVARIANTS.md`, 'utf8');
const NAMED = [...TEXT.matchAll(/^ {3,4}- `([^`]+)`: (.+)$/gm)].map(
  ([, file, name]) => [file!, name!] as const,
);

describe('INVARIANTS.md', () => {
  it.each(NAMED)('names a test that exists: %s: %s', (file, name) => {
    expect(readFileSync(ROOT + file, 'utf8')).toContain(name);
  });

  it('names a test for each invariant', () => {
    const invariants = TEXT.split(/^\d+\. /m).slice(1);
    expect(invariants.length).toBeGreaterThan(20);
    for (const invariant of invariants) expect(invariant).toMatch(/^ {3,4}- `/m);
  });
});
