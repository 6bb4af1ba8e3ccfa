import { describe, expect, it } from 'vitest';
import { fakeContext } from '../testing/fakes.ts';
import { GapFiller } from './gap-filler.ts';
import { GhostJoins } from './ghost-joins.ts';

const START_MS = Date.parse('2026-11-21T13:00:00.000Z');
const MINUTE_MS = 60_000;

/** A channel that speaks every second, and clocks that can be turned. */
function setUp() {
  const context = fakeContext();
  const clocks = { wallMs: START_MS, monotonicMs: 1000 };
  context.now = () => clocks.wallMs;
  const ghosts = new GhostJoins({
    context,
    filler: new GapFiller(context, undefined),
    minSilenceMs: 5 * MINUTE_MS,
    intervals: 30,
    heardAtMs: () => () => clocks.wallMs,
    monotonicMs: () => clocks.monotonicMs,
  });
  const pass = (ms: number) => {
    clocks.wallMs += ms;
    clocks.monotonicMs += ms;
  };
  ghosts.joined('ann');
  for (let n = 0; n < 10; n++) {
    pass(1000);
    ghosts.heard('ann', clocks.wallMs);
  }
  return { context, clocks, ghosts, pass };
}

describe('the suspicion of ghost joins', () => {
  it('falls on a channel that is silent against its habit, and says since when', () => {
    const { ghosts, pass } = setUp();
    pass(5 * MINUTE_MS);
    expect(ghosts.suspects()).toEqual(['ann']);
    expect(ghosts.moved('ann')).toBe(START_MS + 10_000);
    expect(ghosts.moved('ann')).toBeUndefined();
  });

  it.each([24 * 60 * MINUTE_MS, -24 * 60 * MINUTE_MS])(
    'does not go by the wall clock, which may jump by %d ms',
    (jumpMs) => {
      const { ghosts, clocks, pass } = setUp();
      clocks.wallMs += jumpMs;
      expect(ghosts.suspects()).toEqual([]);
      ghosts.heard('ann', clocks.wallMs);
      pass(5 * MINUTE_MS - 1);
      expect(ghosts.suspects()).toEqual([]);
      pass(1);
      expect(ghosts.suspects()).toEqual(['ann']);
      expect(ghosts.moved('ann')).toBe(START_MS + 10_000 + jumpMs);
    },
  );

  it('falls on nobody for the time in which nothing was read', () => {
    const { context, ghosts, pass } = setUp();
    context.sink.full = true;
    pass(60 * MINUTE_MS);
    expect(ghosts.suspects()).toEqual([]);
    context.sink.full = false;
    pass(MINUTE_MS);
    expect(ghosts.suspects()).toEqual([]);
  });
});
