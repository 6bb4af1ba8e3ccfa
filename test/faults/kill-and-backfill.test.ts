import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ChatEvent } from '../../src/event.ts';
import { startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { compareTwitch, gapsOf, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import type { RunningChatlog } from '../support/run-chatlog.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { talkSteadily } from './steady-talk.ts';

const CHANNELS = ['one', 'two'];
const KILLS = 12;

interface Outage {
  fromMs: number;
  toMs: number;
}

describe('the whole process, killed while people talk', () => {
  it(`after ${KILLS} kills and a stop has every line once, and every outage written down`, async () => {
    await using dir = await tempDir('kill-and-backfill');
    await using twitch = await startTwitchServer({ historyMax: 100_000 });
    await using history = await startRecentMessagesServer({ history: twitch.history });
    const start = () =>
      runOnTwitch(twitch, {
        directory: dir.path,
        channels: CHANNELS,
        twitch: { backfill: { enabled: true, url: history.url } },
        recorder: { rotate_bytes: 20_000 },
      });
    // 60 s before each gap are asked for, too, and the service returns 800 lines.
    const talk = talkSteadily(twitch, CHANNELS, 20);
    const outages: Outage[] = [];
    let chatlog = await start();
    await joined(chatlog, ...CHANNELS);
    for (let round = 0; round < KILLS; round++) {
      // Sometimes before it has joined, while it recovers or asks for what it missed.
      if (round % 4 !== 3) await joined(chatlog, ...CHANNELS);
      await sleep(Math.random() * 1_500);
      await chatlog.kill();
      const fromMs = Date.now();
      chatlog = await start();
      outages.push({ fromMs, toMs: Date.now() });
    }
    await joined(chatlog, ...CHANNELS);
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    const fromMs = Date.now();
    await using last = await start();
    outages.push({ fromMs, toMs: Date.now() });
    await joined(last, ...CHANNELS);
    await talk.stop();
    await arrived(last, talk.lines);
    await coveredByGaps(last, dir.path, outages);
    await last.stop();

    const events = await recordedIn(dir.path);
    expect(compareTwitch(events, talk.lines)).toEqual(NOTHING_WRONG);
    for (const channel of CHANNELS) {
      expect(uncovered(events, channel, outages)).toEqual([]);
      for (const { gap, duration_seconds } of gapsOf(events, channel)) {
        expect(gap!.backfill).toBe('complete');
        expect(duration_seconds).toBeGreaterThan(0);
      }
    }
  }, 300_000);
});

async function coveredByGaps(
  chatlog: RunningChatlog,
  directory: string,
  outages: readonly Outage[],
): Promise<void> {
  await chatlog.until('a gap line for every outage', async () => {
    const events = await recordedIn(directory);
    return CHANNELS.every((channel) => uncovered(events, channel, outages).length === 0);
  });
}

/** Outages that no gap line of the channel spans. Those below a second are not written down. */
function uncovered(events: readonly ChatEvent[], channel: string, outages: readonly Outage[]): Outage[] {
  const gaps = gapsOf(events, channel).map(({ timestamp, gap }) => ({
    fromMs: Date.parse(timestamp),
    toMs: Date.parse(gap!.until),
  }));
  const worthALine = outages.filter(({ fromMs, toMs }) => toMs - fromMs >= 1_000);
  return worthALine.filter(
    ({ fromMs, toMs }) => !gaps.some((gap) => gap.fromMs <= fromMs && gap.toMs >= toMs),
  );
}
