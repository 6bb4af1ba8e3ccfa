import { describe, expect, it } from 'vitest';
import { Backoff, type Ending, supervise } from './supervisor.ts';

describe('the backoff', () => {
  it('starts between the shortest wait and twice as much and doubles up to the longest', () => {
    const low = new Backoff({ minMs: 1000, maxMs: 300_000, random: () => 0 });
    const high = new Backoff({ minMs: 1000, maxMs: 300_000, random: () => 1 });
    const lows = Array.from({ length: 12 }, () => low.nextMs());
    const highs = Array.from({ length: 12 }, () => high.nextMs());
    expect(new Set(lows)).toEqual(new Set([1000]));
    expect(highs.slice(0, 4)).toEqual([2000, 4000, 8000, 16_000]);
    expect(highs.at(-1)).toBe(300_000);
  });

  it('stays finite after thousands of failures and starts over when reset', () => {
    const backoff = new Backoff({ minMs: 1000, maxMs: 300_000, random: () => 1 });
    for (let n = 0; n < 5000; n++) expect(backoff.nextMs()).toBeLessThanOrEqual(300_000);
    backoff.reset();
    expect(backoff.nextMs()).toBe(2000);
  });
});

describe('supervise', () => {
  it('tries again after an error and after a plain return, for ever, until aborted', async () => {
    const controller = new AbortController();
    const waits: number[] = [];
    let attempts = 0;
    await supervise(
      async () => {
        attempts++;
        if (attempts === 200) controller.abort();
        if (attempts % 2 === 0) throw new Error('down');
      },
      { minMs: 10, maxMs: 500, random: () => 1, sleep: async (ms) => void waits.push(ms) },
      controller.signal,
    );
    expect(attempts).toBe(200);
    expect(waits).toHaveLength(199);
    expect(waits.slice(0, 3)).toEqual([20, 40, 80]);
    expect(waits.at(-1)).toBe(500);
  });

  it('waits the shortest time again after an attempt that was up for long enough', async () => {
    const controller = new AbortController();
    const waits: number[] = [];
    let nowMs = 0;
    let attempts = 0;
    await supervise(
      async (attempt) => {
        attempts++;
        if (attempts === 4) attempt.up();
        nowMs += 60_000;
        if (attempts === 5) controller.abort();
      },
      {
        minMs: 10,
        maxMs: 500,
        random: () => 1,
        sleep: async (ms) => void waits.push(ms),
        monotonicMs: () => nowMs,
      },
      controller.signal,
    );
    expect(waits).toEqual([20, 40, 80, 20]);
  });

  it('does not take an attempt for a success that was up for a moment only', async () => {
    const controller = new AbortController();
    const waits: number[] = [];
    await supervise(
      async (attempt) => {
        attempt.up();
        if (waits.length === 2) controller.abort();
      },
      { minMs: 10, maxMs: 500, random: () => 1, sleep: async (ms) => void waits.push(ms) },
      controller.signal,
    );
    expect(waits).toEqual([20, 40]);
  });

  it('lets the owner see the error and lengthen the wait', async () => {
    const controller = new AbortController();
    const endings: Ending[] = [];
    const waits: number[] = [];
    await supervise(
      async () => {
        throw new Error('refused');
      },
      {
        minMs: 10,
        maxMs: 500,
        random: () => 1,
        ended: (ending) => {
          endings.push(ending);
          return 9000;
        },
        sleep: async (ms) => {
          waits.push(ms);
          controller.abort();
        },
      },
      controller.signal,
    );
    expect(endings).toEqual([{ error: new Error('refused'), waitMs: 20 }]);
    expect(waits).toEqual([9000]);
  });

  it('returns at once when aborted during a wait', async () => {
    const controller = new AbortController();
    const done = supervise(
      async () => undefined,
      { minMs: 3_600_000, maxMs: 3_600_000, ended: () => void setImmediate(() => controller.abort()) },
      controller.signal,
    );
    await done;
    expect(controller.signal.aborted).toBe(true);
  });
});
