import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusLines } from '../../../test/support/corpus.ts';
import { indexLines } from '../../../test/support/index-lines.ts';
import { twitchEvent } from '../../../test/support/log-events.ts';
import { type ChatEvent, eventIdentity } from '../../event.ts';
import { messageKey } from '../../index/message-key.ts';
import { lineFacts, lineTime } from './line-facts.ts';

/** Within other bytes, where it stands in a batch. */
function placed(line: string) {
  const bytes = Buffer.from(`{"id":"no"}\n${line}\n{"timestamp":"2020-01-01T00:00:00.000Z"}\n`);
  return [bytes, 12, 12 + Buffer.byteLength(line)] as const;
}

function expectFacts(line: string): void {
  const event = JSON.parse(line) as ChatEvent;
  expect(lineTime(...placed(line)), line).toBe(Date.parse(event.timestamp));
  const identity = eventIdentity(event);
  expect(lineFacts(...placed(line), 'twitch'), line).toEqual({
    receivedMs: event.received_at === undefined ? undefined : Date.parse(event.received_at),
    key: identity === '' ? '' : messageKey('twitch', identity),
  });
}

describe('what is read from a line’s bytes', () => {
  it('is what parsing it gives, for real lines and made ones', () => {
    for (const line of corpusLines()) expectFacts(JSON.stringify(twitchEvent(line)));
    for (const line of indexLines({ seed: 5, lines: 3_000 })) expectFacts(line);
  });

  it('is what parsing it gives, whatever its texts hold', () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '","id":"x","received_at":"2020-01-01T00:00:00.000Z"}',
        ',"id":"',
        '\\',
        '\\"',
        'x,"id":"y',
        '","received_at":"2020-01-01T00:00:00.000Z"}',
      ),
    );
    const line = fc.record(
      {
        timestamp: fc.constant('2026-11-21T13:00:00.123Z'),
        message: nasty,
        tags: fc.record({ a: nasty, id: nasty }),
        id: fc.oneof(
          nasty,
          fc.uuid(),
          fc.uuid().map((id) => id.toUpperCase()),
        ),
        received_at: fc.constantFrom('2026-11-21T13:00:00.456Z', '2026-02-03T13:00:00.456Z'),
        raw: nasty,
      },
      { requiredKeys: ['timestamp'] },
    );
    fc.assert(
      fc.property(line, (event) => expectFacts(JSON.stringify(event))),
      { numRuns: 500 },
    );
  });

  it('is nothing where it is no line of ours', () => {
    for (const line of [
      '',
      '{',
      'null',
      '[1]',
      '{"timestamp":"2026-11-21T13:00:00.123Z"',
      '{"timestamp":"2026-11-21T25:00:00.123Z"}',
      '{"timestamp":5}',
    ]) {
      expect(lineTime(...placed(line)), line).toBeNaN();
      expect(lineFacts(...placed(line), 'twitch'), line).toEqual({ receivedMs: undefined, key: '' });
    }
    expect(lineTime(...placed('{"a":1,"timestamp":"2026-11-21T13:00:00Z"}'))).toBe(
      Date.UTC(2026, 10, 21, 13),
    );
  });
});
