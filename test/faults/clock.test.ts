import { describe, expect, it } from 'vitest';
import type { ChatEvent } from '../../src/event.ts';
import { chatLine } from '../support/chat-line.ts';
import { fakeClock } from '../support/fake-clock.ts';
import { eventsOf, readArchive, readSpool } from '../support/read-archive.ts';
import { startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { compareTwitch, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, caughtUp, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

const CHANNEL = 'time';
const HOUR = 3_600;
const CHANNELS = [CHANNEL];

describe('a wall clock that jumps', () => {
  it('by hours ahead and back while recording: each line is there once, in the file of its hour', async () => {
    await using dir = await tempDir('clock');
    await using twitch = await startTwitchServer({ tls: false });
    await using history = await startRecentMessagesServer({ history: twitch.history });
    const clock = await fakeClock(dir.join('offset'));
    await using chatlog = await runOnTwitch(twitch, {
      directory: dir.path,
      channels: CHANNELS,
      twitch: { backfill: { enabled: true, url: history.url } },
      env: clock.env,
    });
    await caughtUp(chatlog, CHANNEL);
    const lines: string[] = [];
    let connections = twitch.accepted;
    for (const offset of [0, HOUR, 0, -HOUR, HOUR, 2 * HOUR, -2 * HOUR, 25 * HOUR, 0]) {
      await clock.shift(offset);
      for (let number = 0; number < 20; number++) {
        // By the platform's clock, which is right.
        const line = chatLine(CHANNEL, `offset ${offset} line ${number}`);
        lines.push(line);
        twitch.sayTo(CHANNEL, line);
      }
      await arrived(chatlog, lines);
      twitch.dropAll();
      connections += 1;
      await chatlog.until(
        'it is connected again',
        () => twitch.accepted >= connections && twitch.joined(CHANNEL) === 1,
      );
      await chatlog.ready();
    }
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    await expectInOrder(dir.path, lines);
  }, 120_000);

  it('across restarts: each line is there once, and no gap has a negative length', async () => {
    await using dir = await tempDir('clock');
    await using twitch = await startTwitchServer({ tls: false });
    const clock = await fakeClock(dir.join('offset'));
    const lines: string[] = [];
    for (const [run, offset] of [0, HOUR, 0, -HOUR, 0, 25 * HOUR, -25 * HOUR, 0].entries()) {
      await clock.shift(offset);
      await using chatlog = await runOnTwitch(twitch, {
        directory: dir.path,
        channels: CHANNELS,
        env: clock.env,
      });
      await joined(chatlog, CHANNEL);
      for (let number = 0; number < 20; number++) {
        const line = chatLine(CHANNEL, `run ${run} line ${number}`);
        lines.push(line);
        twitch.sayTo(CHANNEL, line);
      }
      await arrived(chatlog, lines);
      if (run % 2 === 0) expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
      else await chatlog.kill();
    }
    await expectInOrder(dir.path, lines);
  }, 120_000);
});

async function expectInOrder(directory: string, lines: readonly string[]): Promise<void> {
  const events = await recordedIn(directory);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  // The clock was really ahead: lines came an hour later than they were sent.
  const delaysMs = events.map((event) => Date.parse(event.received_at!) - Date.parse(event.timestamp));
  expect(Math.max(...delaysMs)).toBeGreaterThan(HOUR * 1000 - 60_000);
  const gaps = events.filter(({ type }) => type === 'gap');
  expect(gaps.filter(({ duration_seconds }) => !(duration_seconds! >= 0))).toEqual([]);
  const files = [...(await readSpool(`${directory}/data`)), ...(await readArchive(`${directory}/archive`))];
  expect(eventsOf(files).length).toBeGreaterThanOrEqual(lines.length);
  const misplaced = files.flatMap(({ path, events: inFile }) => {
    const hour = /_(\d{8}_\d{2})\d{2}(?:-[a-z0-9]+)*\.jsonl/.exec(path)![1];
    return inFile.filter((event) => hourOf(event) !== hour).map(({ timestamp }) => `${timestamp} in ${path}`);
  });
  expect(misplaced).toEqual([]);
}

/** As file names have it: `20261121_13`. */
function hourOf({ timestamp }: ChatEvent): string {
  return timestamp.slice(0, 13).replaceAll('-', '').replace('T', '_');
}
