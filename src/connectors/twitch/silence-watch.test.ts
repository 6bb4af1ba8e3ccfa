import { describe, expect, it } from 'vitest';
import { SilenceWatch } from './silence-watch.ts';

const MINUTE_MS = 60_000;
const EPOCH_MS = Date.parse('2026-11-21T13:00:00.000Z');

function watch() {
  const subject = new SilenceWatch({ minSilenceMs: 5 * MINUTE_MS, intervals: 30 });
  subject.add('ann', 0);
  const speak = (everyMs: number, times: number, fromMs: number) => {
    for (let n = 0; n < times; n++) subject.heard('ann', fromMs + n * everyMs, EPOCH_MS + n);
    return fromMs + (times - 1) * everyMs;
  };
  return { subject, speak };
}

describe('the watch over silent channels', () => {
  it('suspects a lively channel after five minutes', () => {
    const { subject, speak } = watch();
    const lastMs = speak(1000, 100, 0);
    expect(subject.suspects(lastMs + 5 * MINUTE_MS - 1)).toEqual([]);
    expect(subject.suspects(lastMs + 5 * MINUTE_MS)).toEqual(['ann']);
  });

  it('gives a slow channel thirty times its usual interval', () => {
    const { subject, speak } = watch();
    const lastMs = speak(MINUTE_MS, 100, 0);
    expect(subject.suspects(lastMs + 30 * MINUTE_MS - 1)).toEqual([]);
    expect(subject.suspects(lastMs + 30 * MINUTE_MS)).toEqual(['ann']);
  });

  it('knows no habit of a channel that hardly spoke', () => {
    const { subject, speak } = watch();
    const lastMs = speak(1000, 4, 0);
    expect(subject.suspects(lastMs + 24 * 60 * MINUTE_MS)).toEqual([]);
  });

  it('knows when the channel spoke last', () => {
    const { subject, speak } = watch();
    expect(subject.heardAtMs('ann')).toBe(0);
    speak(1000, 3, 0);
    expect(subject.heardAtMs('ann')).toBe(EPOCH_MS + 2);
  });

  it('does not count the time in which there was no feed, or nothing was read', () => {
    const { subject, speak } = watch();
    let nowMs = speak(1000, 100, 0) + 60 * MINUTE_MS;
    subject.add('ann', nowMs);
    expect(subject.suspects(nowMs + 5 * MINUTE_MS - 1)).toEqual([]);
    nowMs += 60 * MINUTE_MS;
    subject.deaf(nowMs);
    expect(subject.suspects(nowMs + 5 * MINUTE_MS - 1)).toEqual([]);
    expect(subject.suspects(nowMs + 5 * MINUTE_MS)).toEqual(['ann']);
  });

  it('leaves a channel alone for longer each time, until it speaks', () => {
    const { subject, speak } = watch();
    const lastMs = speak(1000, 100, 0);
    const suspectedAt: number[] = [];
    for (let minute = 0; minute < 100; minute++) {
      if (subject.suspects(lastMs + minute * MINUTE_MS).length > 0) suspectedAt.push(minute);
    }
    expect(suspectedAt).toEqual([5, 10, 20, 40, 80]);
    const againMs = speak(1000, 100, lastMs + 100 * MINUTE_MS);
    expect(subject.suspects(againMs + 6 * MINUTE_MS)).toEqual(['ann']);
  });
});
