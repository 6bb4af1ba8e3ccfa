import fc from 'fast-check';
import { expect, it } from 'vitest';
import { detachText } from './detach-text.ts';

it('a detached text is the same text, lone surrogates and all', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
      (text) => {
        expect(detachText(text)).toBe(text);
      },
    ),
  );
});
