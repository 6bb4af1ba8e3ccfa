import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DAY_MS } from './due-ranges.ts';
import { complement, joinDays } from './remove-rows.ts';

const days = fc.uniqueArray(
  fc.record({ channelId: fc.integer({ min: 1, max: 3 }), day: fc.integer({ min: 0, max: 40 }) }),
  { selector: ({ channelId, day }) => `${channelId} ${day}` },
);

function daysOf({ fromMs, toMs }: { fromMs: number; toMs: number }): number[] {
  return Array.from({ length: (toMs - fromMs) / DAY_MS }, (_, index) => fromMs / DAY_MS + index);
}

it('joins days that follow each other, and no others', () => {
  fc.assert(
    fc.property(days, (free) => {
      const ranges = joinDays(free.map(({ channelId, day }) => ({ channelId, dayMs: day * DAY_MS })));
      const again = ranges.flatMap((range) => daysOf(range).map((day) => `${range.channelId} ${day}`));
      expect(again.sort()).toEqual(free.map(({ channelId, day }) => `${channelId} ${day}`).sort());
      for (const { channelId, fromMs } of ranges)
        expect(ranges.some((other) => other.channelId === channelId && other.toMs === fromMs)).toBe(false);
    }),
  );
});

it('divides a span into what goes of a channel and what stays', () => {
  const span = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 20 }));
  fc.assert(
    fc.property(days, span, (free, [from, length]) => {
      const ranges = joinDays(free.map(({ channelId, day }) => ({ channelId, dayMs: day * DAY_MS })));
      const staying = complement(1, ranges, from * DAY_MS, (from + length) * DAY_MS).flatMap(daysOf);
      const going = new Set(free.flatMap(({ channelId, day }) => (channelId === 1 ? [day] : [])));
      expect(staying).toEqual(
        Array.from({ length }, (_, index) => from + index).filter((day) => !going.has(day)),
      );
    }),
  );
});
