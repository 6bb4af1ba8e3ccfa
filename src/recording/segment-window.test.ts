import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFinished, windowOf } from './segment-window.ts';

const at = (text: string) => Date.parse(`2026-11-21T${text}Z`);

describe('windowOf', () => {
  it('covers the hour of the event, or the part of it that the rotation asks for', () => {
    expect(windowOf(at('13:59:59.999'), 60)).toEqual({
      startMs: at('13:00:00.000'),
      endMs: at('14:00:00.000'),
    });
    expect(windowOf(at('14:00:00.000'), 60).startMs).toBe(at('14:00:00.000'));
    expect(windowOf(at('13:29:59.999'), 15)).toEqual({
      startMs: at('13:15:00.000'),
      endMs: at('13:30:00.000'),
    });
  });

  it('never spans two hours', () => {
    const time = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2100, 0) });
    fc.assert(
      fc.property(time, fc.constantFrom(1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60), (timeMs, minutes) => {
        const { startMs, endMs } = windowOf(timeMs, minutes);
        expect(startMs <= timeMs && timeMs < endMs).toBe(true);
        expect(Math.floor(startMs / 3_600_000)).toBe(Math.floor((endMs - 1) / 3_600_000));
      }),
    );
  });
});

describe('isFinished', () => {
  const limits = { rotateBytes: 1000, idleSealMs: 60_000 };
  const window = windowOf(at('13:30:00.000'), 60);

  it('is true of a full segment, whatever the time', () => {
    expect(isFinished({ window, bytes: 1000, idleMs: 0 }, at('13:30:00.000'), limits)).toBe(true);
    expect(isFinished({ window, bytes: 999, idleMs: 1e9 }, at('13:59:59.000'), limits)).toBe(false);
  });

  it('is true once the hour is over and no late line comes any more', () => {
    expect(isFinished({ window, bytes: 1, idleMs: 59_999 }, at('14:00:30.000'), limits)).toBe(false);
    expect(isFinished({ window, bytes: 1, idleMs: 60_000 }, at('14:00:00.000'), limits)).toBe(true);
  });

  it('takes a clock that jumps back for an hour that is not over yet', () => {
    expect(isFinished({ window, bytes: 1, idleMs: 1e9 }, at('12:00:00.000'), limits)).toBe(false);
  });
});
