import { describe, expect, it } from 'vitest';
import { ChannelTable } from './channel-table.ts';
import type { Gap } from './connector.ts';
import { FakeCoverage } from './testing/fakes.ts';

function setUp() {
  let nowMs = 1_000_000;
  const coverage = new FakeCoverage(() => nowMs);
  const gaps: Gap[] = [];
  const heard = new Map<string, number>();
  const table = new ChannelTable({
    coverage,
    backoff: { minMs: 1000, maxMs: 60_000, random: () => 1 },
    limitMs: 600_000,
    heardAtMs: (on) => heard.get(on) ?? 0,
    gap: (gap) => gaps.push(gap),
    now: () => nowMs,
    monotonicMs: () => nowMs,
  });
  table.set([{ name: 'ann' }]);
  return {
    table,
    coverage,
    gaps,
    heard,
    pass(ms: number) {
      nowMs += ms;
    },
  };
}

describe('the table of channels', () => {
  it('tells the coverage of the feed from its first confirmation to its loss, and hands its gaps on', () => {
    const { table, coverage, gaps, heard, pass } = setUp();
    expect(coverage.wantedNow).toEqual(new Set(['ann']));
    table.apply('ann', { event: 'sent', on: 'A' });
    pass(500);
    table.apply('ann', { event: 'confirmed', on: 'A' });
    expect(gaps).toMatchObject([{ channel: 'ann', fromMs: 1_000_000, toMs: 1_000_500 }]);
    heard.set('A', 1_000_400);
    expect(coverage.heardAtMs('ann')).toBe(1_000_400);
    coverage.closeGap(gaps[0]!, 'off', 0);
    heard.set('A', 1_002_000);
    table.connectionLost('A', 'connection lost: test');
    expect(coverage.lostCauses).toEqual([
      { channel: 'ann', heardAtMs: 1_002_000, cause: 'connection lost: test' },
    ]);
  });

  it('does not interrupt the feed of a channel that moves to another connection', () => {
    const { table, coverage, gaps, heard } = setUp();
    table.apply('ann', { event: 'confirmed', on: 'A' });
    table.apply('ann', { event: 'sent', on: 'B' });
    table.apply('ann', { event: 'confirmed', on: 'B' });
    table.connectionLost('A', 'replaced');
    heard.set('B', 7);
    expect(coverage.lostCauses).toEqual([]);
    expect(gaps).toHaveLength(1);
    expect(coverage.heardAtMs('ann')).toBe(7);
  });

  it('waits longer each time that a join fails, and from the start again after a lasting stay', () => {
    const { table, pass } = setUp();
    const waitMs = () => {
      let waited = 0;
      for (; table.due().length === 0; waited += 500) pass(500);
      table.apply('ann', { event: 'due' });
      return waited;
    };
    const fail = () => {
      table.apply('ann', { event: 'sent', on: 'A' });
      table.apply('ann', { event: 'unconfirmed', on: 'A', reason: 'x' });
    };
    const stay = (ms: number) => {
      table.apply('ann', { event: 'confirmed', on: 'A' });
      pass(ms);
      table.apply('ann', { event: 'refused', on: 'A', as: 'retrying', reason: 'kicked' });
    };
    fail();
    expect(waitMs()).toBe(2000);
    fail();
    expect(waitMs()).toBe(4000);
    stay(1000);
    expect(waitMs()).toBe(8000);
    stay(60_000);
    expect(waitMs()).toBe(2000);
  });

  it('finds joins that were not confirmed in time', () => {
    const { table, pass } = setUp();
    table.apply('ann', { event: 'sent', on: 'A' });
    pass(9999);
    expect(table.overdue(10_000)).toEqual([]);
    pass(1);
    expect(table.overdue(10_000).map(({ name }) => name)).toEqual(['ann']);
  });

  it('keeps the state of what stays, tries final refusals anew, and lets go of what is gone', () => {
    const { table, coverage } = setUp();
    table.set([{ name: 'ann' }, { name: 'bob' }, { name: 'cid' }]);
    table.apply('ann', { event: 'confirmed', on: 'A' });
    table.apply('bob', { event: 'sent', on: 'A' });
    table.apply('bob', { event: 'refused', on: 'A', as: 'banned', reason: 'x' });
    const { added, removed } = table.set([{ name: 'ann' }, { name: 'bob' }]);
    expect(added.map(({ name, feed }) => [name, feed.state])).toEqual([['bob', 'queued']]);
    expect(removed.map(({ name }) => name)).toEqual(['cid']);
    expect(table.statuses().map(({ channel, state }) => [channel, state])).toEqual([
      ['ann', 'joined'],
      ['bob', 'queued'],
    ]);
    expect(coverage.wantedNow).toEqual(new Set(['ann', 'bob']));
  });

  it('joins a channel anew whose key has changed, without forgetting until when it was recorded', () => {
    const { table, coverage, heard } = setUp();
    table.apply('ann', { event: 'confirmed', on: 'A' });
    heard.set('A', 1_000_300);
    const { added, removed } = table.set([{ name: 'ann', key: 'k' }]);
    expect([added.length, removed.length]).toEqual([1, 1]);
    expect(coverage.lostCauses).toMatchObject([{ heardAtMs: 1_000_300 }]);
    expect(coverage.wantedNow).toEqual(new Set(['ann']));
  });
});
