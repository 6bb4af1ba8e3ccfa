import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { event, silentLog } from '../../test/support/recorder-fixture.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { EventChannel } from '../channel/event-channel.ts';
import { RecentIdentities } from '../channel/recent-identities.ts';
import { openSpool, type Spool } from '../spool.ts';
import { CoverageLog } from './coverage-log.ts';
import { loadRecentIdentities, recallIdentities } from './load-recent-identities.ts';

const T0 = Date.parse('2026-11-21T13:00:00.000Z');

/** A run of the process: its clock, its commits, its channel. */
async function startRun(root: string, nowMs: number, warn = silentLog.warn) {
  const spool = await openSpool(root);
  const channel = new EventChannel({ events: 1000, bytes: 1e8 }, new RecentIdentities(1000));
  const run = { spool, channel, nowMs, certainUntilMs: nowMs };
  const log = new CoverageLog({
    spool,
    channel,
    now: () => run.nowMs,
    certainUntilMs: () => run.certainUntilMs,
    rotateMinutes: 60,
    log: { ...silentLog, warn },
  });
  await log.load();
  return {
    run,
    log,
    spool: spool.path,
    coverage: log.of('twitch'),
    lines: () => channel.take().events.map(({ event }) => event),
  };
}

async function fileOf(spool: Spool) {
  return JSON.parse(await readFile(spool.path('state', 'coverage.json'), 'utf8'));
}

describe('CoverageLog', () => {
  it('opens a gap from the loss of the feed to its return, and writes its line when it is closed', async () => {
    await using dir = await tempDir();
    const { run, coverage, lines } = await startRun(dir.path, T0);
    coverage.wanted('x');
    const joining = coverage.live('x', () => run.nowMs);
    coverage.closeGap(joining!, 'complete', 0);
    expect(lines()).toEqual([]);
    run.nowMs = T0 + 7_000;
    coverage.lost('x', T0 + 5_000, 'connection lost');
    run.nowMs = T0 + 20_000;
    const gap = coverage.live('x', () => run.nowMs);
    expect(gap).toEqual({ channel: 'x', fromMs: T0 + 5_000, toMs: T0 + 20_000, cause: 'connection lost' });
    coverage.closeGap(gap!, 'partial', 3);
    expect(lines()).toMatchObject([
      {
        type: 'gap',
        timestamp: '2026-11-21T13:00:05.000Z',
        platform: 'twitch',
        channel: 'x',
        duration_seconds: 15,
        reason: 'connection lost',
        gap: { until: '2026-11-21T13:00:20.000Z', backfill: 'partial', filled: 3 },
      },
    ]);
  });

  it('tells where the last run ended before there is a recorder to ask', async () => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.wanted('x');
    await first.log.save();
    const spool = await openSpool(dir.path);
    const log = new CoverageLog({
      spool,
      channel: first.run.channel,
      now: () => T0,
      certainUntilMs: () => {
        throw new Error('the recorder is made from what is told here');
      },
      rotateMinutes: 60,
      log: silentLog,
    });
    await log.load();
    expect([...log.ends()]).toEqual([{ platform: 'twitch', channel: 'x', throughMs: T0 }]);
  });

  it('has a new channel on disk within a moment, so that a crash soon after leaves a gap that is known', async () => {
    await using dir = await tempDir();
    const stop = new AbortController();
    const first = await startRun(dir.path, T0);
    first.coverage.wanted('at-the-start');
    const running = first.log.run(stop.signal);
    const known = async () => Object.keys((await fileOf(first.run.spool)).platforms.twitch);
    await waitFor('the first is known', async () => (await known()).length === 1, { timeoutMs: 5_000 });
    first.coverage.wanted('later');
    await waitFor('the second is known', async () => (await known()).length === 2, { timeoutMs: 5_000 });
    expect(await known()).toEqual(['at-the-start', 'later']);
    stop.abort();
    await running;
  });

  it('has the loss of a feed on disk within a moment', async () => {
    await using dir = await tempDir();
    const stop = new AbortController();
    const { log, run, coverage } = await startRun(dir.path, T0);
    coverage.closeGap(coverage.live('x', () => T0)!, 'off', 0);
    run.certainUntilMs = T0;
    await log.save();
    const live = async () => (await fileOf(run.spool)).live.twitch;
    expect(await live()).toEqual(['x']);
    const running = log.run(stop.signal);
    coverage.lost('x', T0, 'connection lost');
    await waitFor('the loss is known', async () => (await live()).length === 0, { timeoutMs: 5_000 });
    stop.abort();
    await running;
  });

  it('stays where it is when the clock jumps back, however far ahead it was', async () => {
    await using dir = await tempDir();
    const { run, log, coverage } = await startRun(dir.path, T0 + 3_600_000);
    coverage.closeGap(coverage.live('x', () => run.nowMs)!, 'off', 0);
    run.certainUntilMs = run.nowMs;
    await log.save();
    run.nowMs = T0;
    coverage.lost('x', T0, 'connection lost');
    run.nowMs = T0 + 60_000;
    expect(coverage.live('x', () => run.nowMs)).toMatchObject({ fromMs: T0, toMs: T0 + 60_000 });
    const next = await startRun(dir.path, T0 + 90_000);
    expect(next.coverage.live('x', () => 0)).toMatchObject({ fromMs: T0 + 90_000, toMs: T0 + 90_000 });
  });

  it('makes one gap of two losses when the first was not filled yet', async () => {
    await using dir = await tempDir();
    const { run, coverage, lines } = await startRun(dir.path, T0);
    coverage.wanted('x');
    run.nowMs = T0 + 10_000;
    const first = coverage.live('x', () => run.nowMs)!;
    coverage.lost('x', T0 + 12_000, 'lost again');
    coverage.closeGap(first, 'complete', 0);
    run.nowMs = T0 + 20_000;
    expect(coverage.live('x', () => run.nowMs)).toMatchObject({
      fromMs: T0,
      toMs: T0 + 20_000,
      cause: 'joining; then lost again',
    });
    expect(lines()).toEqual([]);
  });

  it('does not take the feed moving to another connection for a gap', async () => {
    await using dir = await tempDir();
    const { run, coverage } = await startRun(dir.path, T0);
    coverage.closeGap(coverage.live('x', () => run.nowMs)!, 'off', 0);
    expect(coverage.live('x', () => run.nowMs)).toBeUndefined();
  });

  it('knows after a restart until when the feed was certainly recorded: never ahead of a commit', async () => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.closeGap(first.coverage.live('x', () => first.run.nowMs)!, 'off', 0);
    first.run.nowMs = T0 + 60_000;
    first.run.certainUntilMs = T0 + 58_000;
    await first.log.save();
    const second = await startRun(dir.path, T0 + 100_000);
    second.coverage.wanted('x');
    expect(second.coverage.live('x', () => second.run.nowMs)).toEqual({
      channel: 'x',
      fromMs: T0 + 58_000,
      toMs: T0 + 100_000,
      cause: 'chatlog was not running',
    });
  });

  it('opens a gap again whose line was not recorded before the crash', async () => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.wanted('x');
    first.run.nowMs = T0 + 50_000;
    const gap = first.coverage.live('x', () => first.run.nowMs)!;
    first.run.certainUntilMs = T0 + 50_000;
    await first.log.save();
    expect((await startRun(dir.path, T0 + 60_000)).coverage.live('x', () => 0)?.fromMs).toBe(T0);
    first.run.nowMs = T0 + 55_000;
    first.coverage.closeGap(gap, 'complete', 1);
    await first.log.save();
    expect((await startRun(dir.path, T0 + 60_000)).coverage.live('x', () => 0)?.fromMs).toBe(T0);
    first.run.certainUntilMs = T0 + 56_000;
    await first.log.save();
    expect((await startRun(dir.path, T0 + 60_000)).coverage.live('x', () => 0)?.fromMs).toBe(T0 + 55_000);
  });

  it('opens a gap again whose line was not recorded, also when the feed was lost once more meanwhile', async () => {
    await using dir = await tempDir();
    const { run, log, coverage } = await startRun(dir.path, T0);
    const opensFrom = async () => {
      await log.save();
      return (await startRun(dir.path, T0 + 60_000)).coverage.live('x', () => 0)?.fromMs;
    };
    coverage.wanted('x');
    run.nowMs = T0 + 10_000;
    coverage.closeGap(coverage.live('x', () => run.nowMs)!, 'complete', 1);
    run.nowMs = T0 + 20_000;
    coverage.lost('x', T0 + 15_000, 'lost again');
    const second = coverage.live('x', () => run.nowMs)!;
    expect(await opensFrom()).toBe(T0);
    run.nowMs = T0 + 30_000;
    coverage.closeGap(second, 'complete', 1);
    expect(await opensFrom()).toBe(T0);
    run.certainUntilMs = T0 + 31_000;
    expect(await opensFrom()).toBe(T0 + 30_000);
  });

  it('is never ahead of a commit while a gap is being filled', async () => {
    await using dir = await tempDir();
    const { run, log, coverage } = await startRun(dir.path, T0);
    coverage.closeGap(coverage.live('x', () => run.nowMs)!, 'off', 0);
    run.certainUntilMs = T0 + 5_000;
    run.nowMs = T0 + 20_000;
    coverage.lost('x', T0 + 15_000, 'the disk is full, and then the feed is lost');
    expect(coverage.live('x', () => run.nowMs)).toMatchObject({ fromMs: T0 + 15_000 });
    await log.save();
    expect((await startRun(dir.path, T0 + 60_000)).coverage.live('x', () => 0)?.fromMs).toBe(T0 + 5_000);
  });

  it('is written by one at a time, the last one last', async () => {
    await using dir = await tempDir();
    const warnings: object[] = [];
    const { run, log, coverage } = await startRun(dir.path, T0, (fields) => void warnings.push(fields));
    const saves = [];
    for (let number = 0; number < 20; number++) {
      coverage.wanted(`channel-${number}`);
      saves.push(log.save());
    }
    await Promise.all(saves);
    expect(Object.keys((await fileOf(run.spool)).platforms.twitch)).toHaveLength(20);
    expect(warnings).toEqual([]);
  });

  it('forgets channels that are no longer recorded', async () => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.wanted('x');
    first.coverage.unwanted('x');
    await first.log.save();
    expect([...(await startRun(dir.path, T0)).log.ends()]).toEqual([]);
  });

  it('lets a segment go only when no backfill can bring its lines again', async () => {
    await using dir = await tempDir();
    const { run, log, coverage } = await startRun(dir.path, T0);
    const file = 'twitch_x_20261121_1300.jsonl.zst';
    expect(log.hasPassed(file)).toBe(true);
    coverage.closeGap(coverage.live('x', () => run.nowMs)!, 'off', 0);
    run.nowMs = T0 + 3_600_000 + 119_000;
    run.certainUntilMs = run.nowMs;
    expect(log.hasPassed(file)).toBe(false);
    run.nowMs += 2_000;
    run.certainUntilMs = run.nowMs;
    expect(log.hasPassed(file)).toBe(true);
    expect(log.hasPassed('twitch_y_20261121_1300.jsonl')).toBe(true);
  });

  it.each(['', '{', '{"version":2}', '[]', '{"version":1,"platforms":{"twitch":{"x":"soon"}}}', '\0\0\0'])(
    'starts anew from a file that reads %j',
    async (text) => {
      await using dir = await tempDir();
      const spool = await openSpool(dir.path);
      await writeFile(spool.path('state', 'coverage.json'), text);
      expect([...(await startRun(dir.path, T0)).log.ends()]).toEqual([]);
    },
  );
});

describe('loadRecentIdentities', () => {
  it('recognises lines of the last minutes after a restart, from files in any state', async () => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.wanted('x');
    await first.log.save();
    const { zstdCompressSync, gzipSync } = await import('node:zlib');
    const text = (id: string, ageMs: number) => {
      const { event: line } = event(`${id}  `, { timeMs: T0 - ageMs, id, platform: 'twitch' });
      return `${JSON.stringify(line)}\n`;
    };
    const padding = Array.from({ length: 3000 }, (_, number) => text(`old-${number}`, 600_000)).join('');
    await writeFile(
      first.spool('recovered', 'twitch_x_20261121_1259.jsonl'),
      `${padding}${text('torn', 50_000)}null\n[]\n{"timest`,
    );
    await writeFile(
      first.spool('sealed', 'twitch_x_20261121_1258.jsonl.zst'),
      zstdCompressSync(text('zstd', 60_000)),
    );
    await writeFile(
      first.spool('uploaded', 'twitch_x_20261121_1257.jsonl.gz'),
      gzipSync(text('gzip', 90_000)),
    );
    await writeFile(first.spool('sealed', 'twitch_x_20261121_0900.jsonl'), text('other-hour', 0));
    await writeFile(first.spool('sealed', 'twitch_y_20261121_1300.jsonl'), text('unknown-channel', 100_000));
    await writeFile(first.spool('sealed', 'twitch_z_20261121_1300.jsonl'), text('old-of-another', 130_000));
    const { run, log } = await startRun(dir.path, T0);
    await loadRecentIdentities({
      spool: run.spool,
      coverage: log,
      channel: run.channel,
      rotateMinutes: 60,
      now: () => run.nowMs,
      log: silentLog,
    });
    const sink = run.channel.sink('twitch');
    const isKnown = (id: string) => !sink.push(event(id, { id, platform: 'twitch' }));
    const recent = ['torn', 'zstd', 'gzip', 'unknown-channel'];
    expect(recent.filter((id) => !isKnown(id))).toEqual([]);
    expect(['old-1', 'other-hour', 'old-of-another'].filter(isKnown)).toEqual([]);
  });

  it('moves the end of the coverage to the last live line, when the crash came after the last checkpoint', async () => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.closeGap(first.coverage.live('x', () => T0)!, 'off', 0);
    first.run.certainUntilMs = T0;
    await first.log.save();
    const lines = [4_000, 8_000, 500_000].map(
      (ms) => event('', { timeMs: T0 + ms, platform: 'twitch' }).event,
    );
    await writeFile(
      first.spool('recovered', 'twitch_x_20261121_1300.jsonl'),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
    );
    const { run, log } = await startRun(dir.path, T0 + 900_000);
    await loadRecentIdentities({
      spool: run.spool,
      coverage: log,
      channel: run.channel,
      rotateMinutes: 60,
      now: () => run.nowMs,
      log: silentLog,
    });
    expect(log.of('twitch').live('x', () => 0)?.fromMs).toBe(T0 + 8_000);
  });

  it.each([
    [
      'had a gap that was not filled yet',
      async (root: string) => {
        const { coverage, log } = await startRun(root, T0);
        coverage.live('x', () => T0);
        await log.save();
      },
    ],
    ['ended before its first checkpoint', async (root: string) => void (await startRun(root, T0))],
    [
      'had lost the feed',
      async (root: string) => {
        const { coverage, log } = await startRun(root, T0);
        coverage.closeGap(coverage.live('x', () => T0)!, 'off', 0);
        coverage.lost('x', T0, 'connection lost');
        await log.save();
      },
    ],
  ])('does not move the end of the coverage across the gap when the last run %s', async (_, lastRun) => {
    await using dir = await tempDir();
    const first = await startRun(dir.path, T0);
    first.coverage.closeGap(first.coverage.live('x', () => T0)!, 'off', 0);
    first.run.certainUntilMs = T0;
    await first.log.save();
    await lastRun(dir.path);
    const { event: line } = event('', { timeMs: T0 + 5_000, platform: 'twitch' });
    await writeFile(first.spool('recovered', 'twitch_x_20261121_1300.jsonl'), `${JSON.stringify(line)}\n`);
    const { run, log } = await startRun(dir.path, T0 + 9_000);
    await loadRecentIdentities({
      spool: run.spool,
      coverage: log,
      channel: run.channel,
      rotateMinutes: 60,
      now: () => run.nowMs,
      log: silentLog,
    });
    expect(log.of('twitch').live('x', () => 0)?.fromMs).toBe(T0);
  });
});

describe('recallIdentities', () => {
  it('makes known again what was recorded of a channel, however many lines came after it', async () => {
    await using dir = await tempDir();
    const { run, log, spool } = await startRun(dir.path, T0);
    const text = (id: string, ageMs: number) =>
      `${JSON.stringify(event(id, { timeMs: T0 - ageMs, id, platform: 'twitch' }).event)}\n`;
    await writeFile(spool('open', 'twitch_x_20261121_1258.jsonl'), text('open', 100_000));
    await writeFile(spool('sealed', 'twitch_x_20261121_1257.jsonl'), text('sealed', 110_000));
    await writeFile(spool('open', 'twitch_y_20261121_1258.jsonl'), text('another', 100_000));
    const sink = run.channel.sink('twitch');
    const push = (id: string) => sink.push(event(id, { id, platform: 'twitch' }));
    for (const id of ['open', 'sealed', 'another']) expect(push(id)).toBe(true);
    // The table of this channel remembers a thousand.
    for (let number = 0; number < 2_000; number++) push(`later-${number}`);
    const options = {
      spool: run.spool,
      coverage: log,
      channel: run.channel,
      rotateMinutes: 60,
      now: () => T0,
      log: silentLog,
    };
    await recallIdentities(
      { platform: 'twitch', channel: 'x', sinceMs: T0 - 120_000 },
      options,
      new AbortController().signal,
    );
    expect([push('open'), push('sealed'), push('another')]).toEqual([false, false, true]);
  });

  it('ends with the abort', async () => {
    await using dir = await tempDir();
    const { run, log, spool } = await startRun(dir.path, T0);
    await writeFile(spool('open', 'twitch_x_20261121_1258.jsonl'), '');
    const options = {
      spool: run.spool,
      coverage: log,
      channel: run.channel,
      rotateMinutes: 60,
      now: () => T0,
      log: silentLog,
    };
    const recalling = recallIdentities(
      { platform: 'twitch', channel: 'x', sinceMs: 0 },
      options,
      AbortSignal.abort(new Error('stop')),
    );
    await expect(recalling).rejects.toThrow('stop');
  });
});
