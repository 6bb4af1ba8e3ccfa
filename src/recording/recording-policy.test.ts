import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusLines } from '../../test/support/corpus.ts';
import { parseTwitchLine } from '../connectors/twitch/twitch-line.ts';
import type { CapturedEvent } from '../event.ts';
import { isSampled, judge, type KeepList } from './recording-policy.ts';

const nothing: KeepList = { users: new Set(), words: [] };
const messages = corpusLines().map((line) => parseTwitchLine(line, Date.parse('2026-11-21T13:00:00.000Z')));

function kept(rate: number, keep = nothing): CapturedEvent[] {
  return messages.filter(
    (message) => judge(message, { samplingRate: rate, presence: false }, keep) === 'record',
  );
}

describe('sampling', () => {
  it('keeps about its share of the corpus, and all of it at 1', () => {
    expect(kept(1)).toHaveLength(messages.length);
    const share = kept(0.25).length / messages.length;
    expect(share).toBeGreaterThan(0.22);
    expect(share).toBeLessThan(0.31);
  });

  it('keeps nothing but what is never sampled at 0', () => {
    expect(kept(0).every(({ unsampled }) => unsampled)).toBe(true);
    expect(kept(0).length).toBe(messages.filter(({ unsampled }) => unsampled).length);
  });

  it('decides the same on every instance and replay, and keeps at a higher rate all that a lower one keeps', () => {
    expect(isSampled('ca561310-6855-43b3-8325-3ea7418359a2', 0.5)).toBe(true);
    expect(isSampled('ca561310-6855-43b3-8325-3ea7418359a2', 0.1)).toBe(false);
    fc.assert(
      fc.property(
        fc.uuid(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (id, a, b) => {
          if (isSampled(id, Math.min(a, b))) expect(isSampled(id, Math.max(a, b))).toBe(true);
        },
      ),
    );
  });

  it('keeps the users and words of the keep-list, upper and lower case alike', () => {
    const [first] = messages;
    const user = { users: new Set([first!.event.username]), words: [] };
    expect(judge(first!, { samplingRate: 0, presence: false }, user)).toBe('record');
    const word = { users: new Set<string>(), words: ['gachibass'] };
    expect(judge(first!, { samplingRate: 0, presence: false }, word)).toBe('record');
    expect(judge(first!, { samplingRate: 0, presence: false }, nothing)).toBe('sampled');
  });
});

describe('presence', () => {
  it('is recorded only where it is asked for', () => {
    const join = parseTwitchLine(':a!a@a.tmi.twitch.tv JOIN #x', 0);
    expect(judge(join, { samplingRate: 1, presence: false }, nothing)).toBe('presence');
    expect(judge(join, { samplingRate: 1, presence: true }, nothing)).toBe('record');
  });
});
