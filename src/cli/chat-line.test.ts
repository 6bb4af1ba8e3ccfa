import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ChatEvent, EVENT_TYPES } from '../event.ts';
import { chatLine } from './chat-line.ts';

const PLAIN = { style: (_: string, text: string) => text, colorDepth: 1 };

function event(members: Partial<ChatEvent>): ChatEvent {
  return {
    timestamp: '2026-11-21T13:00:05.123Z',
    channel: 'xqc',
    username: 'ann',
    user_id: '1',
    message: 'hello',
    platform: 'twitch',
    display_name: 'Ann',
    ...members,
  };
}

test.each([
  [event({}), '13:00:05 #xqc Ann: hello'],
  [event({ badges: ['subscriber/12', 'moderator/1', 'founder/0'] }), '13:00:05 #xqc @%Ann: hello'],
  [event({ action: true, message: 'waves' }), '13:00:05 #xqc * Ann waves'],
  [
    event({ platform: 'irc-libera', channel: '#linux', display_name: undefined }),
    '13:00:05 #linux ann: hello',
  ],
  [
    event({ display_name: 'a\u001b[2J\u202eb', message: '\u0007\n\u{1F44B}\u{1F3FD}' }),
    '13:00:05 #xqc a\\u001b[2J\\u202eb: \\u0007\\u000a\u{1F44B}\u{1F3FD}',
  ],
])('%o is shown as %s', (shown, text) => {
  expect(chatLine(shown, PLAIN)).toBe(text);
});

test('moderation and gaps are told as sentences', () => {
  const ban = event({ type: 'timeout', target: 'bob', username: '', message: '', duration_seconds: 600 });
  expect(chatLine(ban, PLAIN)).toMatch(/^13:00:05 #xqc -!- bob has been timed out/);
  const gap = { until: '2026-11-21T13:05:05.123Z', backfill: 'none' as const, filled: 0 };
  expect(
    chatLine(event({ type: 'gap', message: '', username: '', duration_seconds: 300, gap }), PLAIN),
  ).toContain('-!- nothing was recorded for 5 min');
});

test('a name has its user’s colour, no darker and no brighter than can be read, in what the terminal has', () => {
  const painted = (color: string, colorDepth: number) =>
    chatLine(event({ tags: { color } }), { ...PLAIN, colorDepth }).replace(/^.*?#xqc /, '');
  expect(painted('#1E90FF', 24)).toBe('\u001b[1;38;2;30;144;255mAnn\u001b[0m: hello');
  expect(painted('#000000', 24)).toBe('\u001b[1;38;2;100;100;100mAnn\u001b[0m: hello');
  expect(painted('#FFFFFF', 24)).toBe('\u001b[1;38;2;190;190;190mAnn\u001b[0m: hello');
  expect(painted('#1E90FF', 8)).toMatch(/^\u001b\[1;38;5;\d+mAnn/);
  expect(painted('#1E90FF', 4)).toMatch(/^\u001b\[1;3[1-6]mAnn/);
  expect(painted('', 24)).toBe(painted('', 24));
  expect(painted('red\u001b[2J', 24)).toMatch(/^\u001b\[1;38;2;\d+;\d+;\d+mAnn\u001b\[0m: hello$/);
});

const text = fc.string({ unit: 'binary' });
const anyEvent = fc
  .record({
    type: fc.constantFrom(...EVENT_TYPES),
    channel: text,
    username: text,
    display_name: text,
    message: text,
    target: text,
    reason: text,
    system_message: text,
    badges: fc.array(text),
    action: fc.boolean(),
  })
  .map((members) => event(members as Partial<ChatEvent>));

test('whatever an event holds, it is one line that does nothing to the terminal', () => {
  fc.assert(
    fc.property(anyEvent, (shown) => {
      let line: string;
      try {
        line = chatLine(shown, PLAIN);
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError);
        return;
      }
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }),
  );
});
