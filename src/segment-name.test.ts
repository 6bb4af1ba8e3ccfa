import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeName,
  encodeName,
  objectKey,
  parseSegmentFile,
  segmentFile,
  uncompressedName,
} from './segment-name.ts';

const HOSTILE = [
  '..',
  '.',
  '/',
  '../../etc/passwd',
  '\0',
  'a\0b',
  'x'.repeat(200),
  '😀',
  '#😀'.repeat(100),
  'CON',
  'con',
  'nul.txt',
  'lpt1',
  'a.',
  '.a',
  ' ',
  '',
  'Ünïcode',
  '%2e',
  '%%',
  'a_b',
  'A',
  '*',
  'a\nb',
  '‮evil',
  '~',
];

const startMs = Date.parse('2026-11-21T13:07:00.000Z');

describe('encodeName', () => {
  it('keeps plain names as they are', () => {
    expect(encodeName('xqcow')).toBe('xqcow');
    expect(encodeName('irc-libera')).toBe('irc-libera');
    expect(encodeName('#linux')).toBe('%23linux');
  });

  it.each(HOSTILE)('makes a harmless, reversible name of %j', (name) => {
    const encoded = encodeName(name);
    expect(encoded).toMatch(/^[a-z0-9._%A-F-]+$/);
    expect(encoded.length).toBeLessThanOrEqual(120);
    expect(encoded).not.toMatch(/^\.|\.$|^(con|nul|lpt1)(\.|$)/);
    if (encoded.includes('%%') && encoded !== '%%') expect(decodeName(encoded)).toBeUndefined();
    else expect(decodeName(encoded)).toBe(name);
  });

  it('gives two names two encodings, and each its name back', () => {
    const name = fc.string({ unit: 'grapheme', maxLength: 80 });
    fc.assert(
      fc.property(name, name, (one, other) => {
        if (one !== other) expect(encodeName(one)).not.toBe(encodeName(other));
        const decoded = decodeName(encodeName(one));
        expect(decoded === undefined ? encodeName(one).includes('%%') : decoded === one).toBe(true);
      }),
    );
  });
});

describe('segment files and keys', () => {
  it('are as documented', () => {
    const name = { platform: 'twitch', channel: 'xqcow', startMs, suffix: '' };
    expect(segmentFile(name, 'zstd')).toBe('twitch_xqcow_20261121_1307.jsonl.zst');
    expect(segmentFile({ ...name, suffix: '-2' }, 'none')).toBe('twitch_xqcow_20261121_1307-2.jsonl');
    expect(objectKey('twitch_xqcow_20261121_1307.jsonl.gz')).toBe(
      '2026/11/21/twitch/xqcow/twitch_xqcow_20261121_1307.jsonl.gz',
    );
    expect(objectKey('irc-libera_%23linux_20261121_1307-2-1f9a03c4.jsonl')).toBe(
      '2026/11/21/irc-libera/%23linux/irc-libera_%23linux_20261121_1307-2-1f9a03c4.jsonl',
    );
  });

  it('give their parts back, whatever the channel is called', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constantFrom(...HOSTILE),
          fc.string({ unit: 'binary' }),
          fc.constantFrom('a_b', 'a_20261121_1300'),
        ),
        fc.constantFrom('twitch', 'irc-libera'),
        fc.constantFrom('', '-2', '-1f9a03c4', '-3-1f9a03c4'),
        fc.constantFrom('none', 'gzip', 'zstd'),
        (channel, platform, suffix, compression) => {
          const name = { platform, channel: encodeName(channel), startMs, suffix };
          const file = segmentFile(name, compression);
          expect(Buffer.byteLength(file)).toBeLessThan(200);
          expect(parseSegmentFile(file)).toEqual({ ...name, compression });
          expect(uncompressedName(file)).toBe(segmentFile(name, 'none'));
          expect(objectKey(file)!.split('/')).toHaveLength(6);
        },
      ),
    );
  });

  it.each([
    '',
    'foreign',
    '.jsonl',
    'twitch_x_20261341_1300.jsonl',
    'twitch_x_20261121_1300.jsonl.tmp',
    'twitch_../x_20261121_1300.jsonl',
    'twitch_X_20261121_1300.jsonl',
    'twitch_x_20261121_2560.jsonl',
    'twitch_.._20261121_1300.jsonl',
    '.._x_20261121_1300.jsonl',
    'twitch_._20261121_1300.jsonl.zst',
    'twitch_.chatlog_20261121_1300.jsonl',
    'twitch_con_20261121_1300.jsonl',
    'twitch_%61_20261121_1300.jsonl',
    'twitch_%FF_20261121_1300.jsonl',
    `twitch_..%%${'0'.repeat(32)}_20261121_1300.jsonl`,
  ])('know that %j is not a segment', (file) => {
    expect(parseSegmentFile(file)).toBeUndefined();
    expect(objectKey(file)).toBeUndefined();
  });
});
