import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Overlaps } from './overlap.ts';

describe('lines of two connections that deliver the same channel', () => {
  it('have no identity while there is only one', () => {
    const overlaps = new Overlaps('run');
    expect(overlaps.identity('ann', 'A', 'line')).toBe('');
    overlaps.begin('ann', 'A', 'B');
    expect(overlaps.identity('bob', 'A', 'line')).toBe('');
    expect(overlaps.identity('ann', 'C', 'line')).toBe('');
    overlaps.end('ann', 'B');
    expect(overlaps.identity('ann', 'A', 'line')).toBe('');
  });

  it('are each counted once, repeated lines as often as they were said, however the two interleave', () => {
    const said = fc.array(fc.constantFrom('on', 'off', 'slow'), { maxLength: 30 });
    fc.assert(
      fc.property(said, fc.array(fc.boolean(), { maxLength: 60 }), (lines, order) => {
        const overlaps = new Overlaps('run');
        overlaps.begin('ann', 'A', 'B');
        const seen = new Set<string>();
        const queues = { A: [...lines], B: [...lines] };
        const deliver = (on: 'A' | 'B') => {
          const line = queues[on].shift();
          if (line !== undefined) seen.add(overlaps.identity('ann', on, line));
        };
        for (const isA of order) deliver(isA ? 'A' : 'B');
        while (queues.A.length > 0) deliver('A');
        while (queues.B.length > 0) deliver('B');
        expect(seen.size).toBe(lines.length);
        expect(seen.has('')).toBe(false);
      }),
    );
  });

  it('are new lines in the next overlap', () => {
    const overlaps = new Overlaps('run');
    overlaps.begin('ann', 'A', 'B');
    const first = overlaps.identity('ann', 'A', 'line');
    overlaps.begin('ann', 'B', 'C');
    expect(overlaps.identity('ann', 'B', 'line')).not.toBe(first);
  });
});
