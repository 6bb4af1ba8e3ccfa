import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { twitchLine } from '../test/support/arbitrary-lines.ts';
import { corpusLines } from '../test/support/corpus.ts';
import { parseTwitchLine } from './connectors/twitch/twitch-line.ts';
import { chatEventSchema } from './event-schema.ts';

const NOW = Date.parse('2026-11-21T13:00:00.000Z');

/** The event as it comes back from an archive. */
function recorded(line: string): unknown {
  return JSON.parse(JSON.stringify(parseTwitchLine(line, NOW).event));
}

describe('chatEventSchema', () => {
  it('accepts every recorded line and gives it back unchanged', () => {
    for (const line of corpusLines()) expect(chatEventSchema.parse(recorded(line))).toEqual(recorded(line));
  });

  it('accepts whatever Twitch may send', () => {
    fc.assert(
      fc.property(fc.oneof(twitchLine(), fc.string({ unit: 'binary' })), (line) => {
        const { success, error } = chatEventSchema.safeParse(recorded(line));
        expect(error).toBeUndefined();
        expect(success).toBe(true);
      }),
    );
  });

  it.each([
    ['a member that is not of the format', { usrname: 'a' }],
    ['a time without milliseconds', { timestamp: '2026-11-21T13:00:00Z' }],
    ['an unknown type', { type: 'shout' }],
    ['a user id that is a number', { user_id: 5 }],
  ])('refuses %s', (_, wrong) => {
    const event = recorded(corpusLines()[0]!) as object;
    expect(chatEventSchema.safeParse({ ...event, ...wrong }).success).toBe(false);
  });
});
