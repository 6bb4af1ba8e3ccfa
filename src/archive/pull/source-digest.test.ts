import { expect, it } from 'vitest';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { SourceChain } from './source-digest.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function hours(dayMs: number, count: number, bytes = 1): StoredSegment[] {
  return Array.from({ length: count }, (_, hour) => {
    const startMs = dayMs + hour * HOUR_MS;
    const name = { platform: 'twitch', channel: 'xqc', startMs, suffix: '' };
    return { ...name, key: `key ${startMs}`, bytes } as StoredSegment;
  });
}

it('keeps none of the segments', () => {
  const digests = [0, 2].map((kept) => {
    const chain = new SourceChain([]);
    const segments = hours(0, 2);
    chain.add({ dayMs: 0, segments });
    segments.length = kept;
    return chain.digestBefore(2 * HOUR_MS);
  });
  expect(digests[0]).toBe(digests[1]);
});

it('is the same however often it was asked for before, of what begins before the time alone', () => {
  const digestOf = (lastHour: number, ...asked: number[]) => {
    const chain = new SourceChain([]);
    chain.add({ dayMs: 0, segments: hours(0, 24).reverse() });
    chain.add({
      dayMs: DAY_MS,
      segments: [...hours(DAY_MS, 3), ...hours(DAY_MS + 3 * HOUR_MS, 1, lastHour)],
    });
    return asked.map((untilMs) => chain.digestBefore(untilMs)).at(-1);
  };
  const untilMs = DAY_MS + 2.5 * HOUR_MS;
  expect(digestOf(1, HOUR_MS, DAY_MS, untilMs)).toBe(digestOf(1, untilMs));
  expect(digestOf(2, untilMs)).toBe(digestOf(1, untilMs));
  expect(digestOf(2, untilMs + HOUR_MS)).not.toBe(digestOf(1, untilMs + HOUR_MS));
  expect(digestOf(1, untilMs)).not.toBe(digestOf(1, untilMs - HOUR_MS));
});
