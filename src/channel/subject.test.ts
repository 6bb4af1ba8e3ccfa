import fc from 'fast-check';
import { expect, test } from 'vitest';
import { subjectMatcher, subjectOf, subjectToken } from './subject.ts';

test('an event’s subject is its platform, channel and type, each without a dot', () => {
  expect(subjectOf({ platform: 'twitch', channel: 'xqc' })).toBe('twitch.xqc.message');
  expect(subjectOf({ platform: 'irc-libera', channel: '#Node.js', type: 'join' })).toBe(
    'irc-libera.%23node%2Ejs.join',
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (channel) => {
      const subject = subjectOf({ platform: 'twitch', channel });
      expect(subject.split('.')).toHaveLength(3);
      expect(subjectMatcher([`twitch.${subjectToken(channel)}.*`])(subject)).toBe(true);
    }),
  );
});

test.each([
  ['>', 'twitch.xqc.message', true],
  ['twitch.>', 'twitch.xqc.message', true],
  ['twitch.>', 'irc-libera.%23linux.message', false],
  ['*.xqc.*', 'twitch.xqc.ban', true],
  ['*.x*.*', 'twitch.xqc.ban', true],
  ['*.x*.message', 'twitch.xqc.ban', false],
  ['*.x?c.*', 'twitch.xqc.ban', true],
  ['*.*', 'twitch.xqc.ban', false],
  ['twitch.xqc', 'twitch.xqc.ban', false],
])('%s and %s: %s', (pattern, subject, isOne) => {
  expect(subjectMatcher([pattern])(subject)).toBe(isOne);
});
