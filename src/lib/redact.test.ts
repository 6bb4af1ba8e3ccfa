import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactor, textRedactor } from './redact.ts';

const clean = (value: unknown, ...secrets: string[]) =>
  (redactor(secrets)({ value }) as { value: unknown }).value;

describe('redaction', () => {
  it('finds a secret anywhere: in texts, keys, lists, numbers and errors', () => {
    expect(clean({ a: ['x s3cret y', { 's3cret-key': 1 }], n: 12345678 }, 's3cret', '12345678')).toEqual({
      a: ['x [redacted] y', { '[redacted]-key': 1 }],
      n: '[redacted]',
    });
  });

  it('takes secrets out of a single text, as of another server that repeats them', () => {
    const said = 'Closing link: "s3cret pass" is not the password';
    expect(textRedactor(['s3cret pass'])(said)).toBe('Closing link: "[redacted]" is not the password');
    expect(textRedactor([])(said)).toBe(said);
  });

  it('knows a Twitch token with and without its prefix', () => {
    expect(clean('PASS oauth:abcdef and abcdef', 'oauth:abcdef')).toBe('PASS [redacted] and [redacted]');
    expect(clean('PASS oauth:abcdef', 'abcdef')).toBe('PASS oauth:[redacted]');
  });

  it('prefers the longest of secrets that hold one another', () => {
    expect(clean('abcdefgh', 'abcd', 'abcdefgh')).toBe('[redacted]');
  });

  it('leaves alone what is too short to be told from other text', () => {
    expect(clean('abc', 'abc')).toBe('abc');
    expect(clean('text', '')).toBe('text');
  });

  it('hides whatever stands under a key that holds secrets', () => {
    expect(
      clean({
        Authorization: ['Bearer x'],
        password: { a: 1 },
        secret_access_key: 'k',
        'Set-Cookie': 'c',
        apiKey: 5,
        oauth: null,
        user: 'u',
      }),
    ).toEqual({
      Authorization: '[redacted]',
      password: '[redacted]',
      secret_access_key: '[redacted]',
      'Set-Cookie': '[redacted]',
      apiKey: '[redacted]',
      oauth: null,
      user: 'u',
    });
  });

  it('cuts what is endless', () => {
    expect(String(clean('x'.repeat(100_000))).length).toBeLessThan(9_000);
    let nested: unknown = 's3cret';
    for (let depth = 0; depth < 100; depth++) nested = [nested];
    expect(JSON.stringify(clean(nested, 's3cret'))).not.toContain('s3cret');
  });

  it('takes __proto__ for a key like any other', () => {
    expect(JSON.stringify(clean(JSON.parse('{"__proto__": {"a": 1}}')))).toBe('{"__proto__":{"a":1}}');
  });

  it('lets no spelling of any secret through', () => {
    const secret = fc.string({ unit: 'grapheme', minLength: 4, maxLength: 30 });
    fc.assert(
      fc.property(secret, fc.string(), (text, around) => {
        for (const spelling of [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)]) {
          expect(clean(`${around}|${spelling}|`, text)).not.toContain(`|${spelling}|`);
        }
      }),
    );
  });
});
