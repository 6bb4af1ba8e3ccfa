import { describe, expect, it } from 'vitest';
import { parseSegmentFile } from '../segment-name.ts';
import { dayGeneration, daySuffix, isDayObject, segmentSpan } from './segment-span.ts';

const DAY = Date.UTC(2026, 10, 21);
const HOUR = 3_600_000;
const name = (rest: string) => parseSegmentFile(`twitch_xqc_20261121_${rest}.jsonl.zst`)!;

describe('a segment', () => {
  it.each(['1300', '1359', '1330-2', '1300-1f9a03c4', '1300-r2'])('%s is of its hour', (rest) => {
    expect(segmentSpan(name(rest))).toEqual({ fromMs: DAY + 13 * HOUR, toMs: DAY + 14 * HOUR });
    expect(isDayObject(name(rest))).toBe(false);
  });

  it.each([
    ['0000-day', 1],
    ['0000-day-2', 2],
    ['0000-day-10', 10],
  ])('%s is of its day', (rest, generation) => {
    expect(segmentSpan(name(rest))).toEqual({ fromMs: DAY, toMs: DAY + 24 * HOUR });
    expect(dayGeneration(name(rest))).toBe(generation);
    expect(daySuffix(generation)).toBe(rest.slice(4));
  });

  it.each(['1300-day', '0000-day-1', '0000-day-0', '0000-day-02', '0000-daylight', '0000-2-day'])(
    '%s is no day object',
    (rest) => {
      expect(isDayObject(name(rest))).toBe(false);
    },
  );

  it('from before 1970 has its hour too', () => {
    expect(segmentSpan({ startMs: -1_000, suffix: '' })).toEqual({ fromMs: -HOUR, toMs: 0 });
  });
});
