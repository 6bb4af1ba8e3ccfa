/**
 * What was said while Chatlog did not hear it: filled from the recent-messages service after a lost connection, a
 * restart and a crash, each line exactly once, and written down as a gap with its bounds and what became of it.
 */
import { expect, test } from 'vitest';
import { chatLines } from '../support/live-lines.ts';
import { type RecentMessagesServer, startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { compareTwitch, gapsOf, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import type { Exit, RunningChatlog } from '../support/run-chatlog.ts';
import { type TempDir, tempDir } from '../support/temp-dir.ts';
import { arrived, caughtUp, gapsWritten, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer, type TwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';

class Scene implements AsyncDisposable {
  readonly directory: TempDir;
  readonly server: TwitchServer;
  readonly service: RecentMessagesServer;

  constructor(directory: TempDir, server: TwitchServer, service: RecentMessagesServer) {
    this.directory = directory;
    this.server = server;
    this.service = service;
  }

  async run(channels: readonly string[] = ['ann']): Promise<RunningChatlog> {
    const chatlog = await runOnTwitch(this.server, {
      directory: this.directory.path,
      channels,
      twitch: { backfill: { enabled: true, url: this.service.url } },
    });
    await caughtUp(chatlog, ...channels);
    return chatlog;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.close();
    await this.server.close();
    await this.directory[Symbol.asyncDispose]();
  }
}

async function openScene(): Promise<Scene> {
  const directory = await tempDir();
  const server = await startTwitchServer();
  return new Scene(directory, server, await startRecentMessagesServer({ history: server.history }));
}

/** So long a gap is worth a line. */
async function aMomentPasses(ms = 1_300): Promise<void> {
  const sinceMs = performance.now();
  await waitFor('a moment', () => performance.now() - sinceMs >= ms, { timeoutMs: ms * 10 });
}

test.concurrent('a lost connection: the gap is filled and bounded by what was heard', async () => {
  await using scene = await openScene();
  const { server, directory } = scene;
  await using chatlog = await scene.run();
  const lines = chatLines('ann', 300);
  server.sayTo('ann', ...lines.slice(0, 100));
  await arrived(chatlog, lines.slice(0, 100));
  const beforeMs = Date.now();
  await server.refuse();
  server.dropAll();
  const lostMs = Date.now();
  await aMomentPasses();
  server.sayTo('ann', ...lines.slice(100, 200));
  const backMs = Date.now();
  await server.accept();
  await joined(chatlog, 'ann');
  const joinedMs = Date.now();
  server.sayTo('ann', ...lines.slice(200));
  await gapsWritten(chatlog, 1);
  await arrived(chatlog, lines);
  await chatlog.stop();

  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  expect(events.filter(({ source }) => source === 'backfill').map(({ id }) => id)).toEqual(
    idsOf(lines.slice(100, 200)),
  );
  const gaps = gapsOf(events);
  expect(gaps).toHaveLength(1);
  const { timestamp, gap, reason } = gaps[0]!;
  expect(gap).toMatchObject({ backfill: 'complete', filled: 100 });
  expect(reason).toMatch(/^connection lost/);
  // The last line heard came just before; the feed was back when the join was confirmed.
  expect(Date.parse(timestamp)).toBeGreaterThan(beforeMs - 5_000);
  expect(Date.parse(timestamp)).toBeLessThanOrEqual(lostMs);
  expect(Date.parse(gap!.until)).toBeGreaterThanOrEqual(backMs);
  expect(Date.parse(gap!.until)).toBeLessThanOrEqual(joinedMs);
});

const ENDS: [name: string, end: (chatlog: RunningChatlog) => Promise<Exit>][] = [
  ['a restart', (chatlog) => chatlog.stop()],
  ['kill -9', (chatlog) => chatlog.kill()],
];

test.concurrent.each(ENDS)(
  '%s: each line once, whether it was heard before, missed or heard after',
  async (_, end) => {
    await using scene = await openScene();
    const { server, directory } = scene;
    const lines = chatLines('ann', 900);
    const bobs = chatLines('bob', 30);
    let first: RunningChatlog;
    {
      await using chatlog = await scene.run(['ann', 'bob']);
      first = chatlog;
      server.sayTo('bob', ...bobs.slice(0, 10));
      server.sayTo('ann', ...lines.slice(0, 300));
      await arrived(chatlog, [...lines.slice(0, 300), ...bobs.slice(0, 10)]);
      // On their way when it ends: recorded or not, they must be there once in the end.
      server.sayTo('ann', ...lines.slice(300, 400));
      await end(chatlog);
    }
    await waitFor('the server knows', () => server.joined('ann') === 0);
    const endedMs = Date.now();
    await aMomentPasses();
    server.sayTo('ann', ...lines.slice(400, 700));
    server.sayTo('bob', ...bobs.slice(10, 20));
    const backMs = Date.now();
    await using chatlog = await scene.run(['ann', 'bob']);
    server.sayTo('ann', ...lines.slice(700));
    server.sayTo('bob', ...bobs.slice(20));
    await gapsWritten(chatlog, 2);
    await arrived(chatlog, [...lines, ...bobs]);
    await chatlog.stop();

    const events = await recordedIn(directory.path);
    expect(compareTwitch(events, [...lines, ...bobs]), first.output.slice(-500)).toEqual(NOTHING_WRONG);
    for (const [channel, filledMin] of [
      ['ann', 300],
      ['bob', 10],
    ] as const) {
      const gaps = gapsOf(events, channel);
      expect(gaps).toHaveLength(1);
      const { timestamp, gap, reason } = gaps[0]!;
      expect(gap!.backfill).toBe('complete');
      expect(gap!.filled).toBeGreaterThanOrEqual(filledMin);
      expect(gap!.filled).toBe(
        events.filter((event) => event.source === 'backfill' && event.channel === channel).length,
      );
      expect(reason).toBe('chatlog was not running');
      expect(Date.parse(timestamp)).toBeLessThanOrEqual(endedMs);
      expect(Date.parse(timestamp)).toBeGreaterThan(endedMs - 15_000);
      expect(Date.parse(gap!.until)).toBeGreaterThanOrEqual(backMs);
    }
  },
);

test.concurrent('a history that cannot be reached: the gap line says failed, and recording goes on meanwhile', async () => {
  await using scene = await openScene();
  const { server, service, directory } = scene;
  await using chatlog = await scene.run();
  const lines = chatLines('ann', 30);
  server.sayTo('ann', ...lines.slice(0, 10));
  await arrived(chatlog, lines.slice(0, 10));
  service.faults.kind = 'bad-gateway';
  service.faults.times = Number.POSITIVE_INFINITY;
  server.dropAll();
  await waitFor('gone', () => server.joined('ann') === 0);
  server.history.forget('ann');
  await waitFor('back', () => server.joined('ann') === 1);
  server.sayTo('ann', ...lines.slice(10));
  await arrived(chatlog, lines);
  expect(gapsOf(await recordedIn(directory.path)), 'it is still being tried').toEqual([]);
  await server.refuse();
  server.dropAll();
  await aMomentPasses();
  await server.accept();
  await joined(chatlog, 'ann');
  await gapsWritten(chatlog, 1);
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  expect(gapsOf(events).map(({ gap }) => gap)).toMatchObject([{ backfill: 'failed', filled: 0 }]);
});

test.concurrent('a history that hangs delays neither recording nor the stop; the next start fills the same gap', async () => {
  await using scene = await openScene();
  const { server, service, directory } = scene;
  const lines = chatLines('ann', 60);
  {
    await using chatlog = await scene.run();
    server.sayTo('ann', ...lines.slice(0, 20));
    await arrived(chatlog, lines.slice(0, 20));
    await server.refuse();
    server.dropAll();
    await aMomentPasses();
    server.sayTo('ann', ...lines.slice(20, 40));
    service.faults.kind = 'hang';
    service.faults.times = Number.POSITIVE_INFINITY;
    const asked = service.requests.length;
    await server.accept();
    await joined(chatlog, 'ann');
    await waitFor('it asks', () => service.requests.length > asked);
    server.sayTo('ann', ...lines.slice(40));
    await arrived(chatlog, lines.slice(40));
    const stoppedMs = performance.now();
    expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - stoppedMs).toBeLessThan(3_000);
    expect(gapsOf(await recordedIn(directory.path))).toEqual([]);
  }
  service.faults.times = 0;
  await using chatlog = await scene.run();
  await gapsWritten(chatlog, 1);
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  expect(gapsOf(events).map(({ gap }) => gap)).toMatchObject([{ backfill: 'complete', filled: 20 }]);
});

test.concurrent('a channel that the history does not know has its gap written down as such', async () => {
  await using scene = await openScene();
  const { server, service, directory } = scene;
  service.ignored.add('ann');
  await using chatlog = await scene.run();
  await server.refuse();
  server.dropAll();
  await aMomentPasses();
  await server.accept();
  await joined(chatlog, 'ann');
  await gapsWritten(chatlog, 1);
  await chatlog.stop();
  const gaps = gapsOf(await recordedIn(directory.path));
  expect(gaps.map(({ gap }) => gap)).toMatchObject([{ backfill: 'unavailable', filled: 0 }]);
  expect(gaps[0]!.message).toContain('the history service does not know the channel');
});

function idsOf(lines: readonly string[]): string[] {
  return lines.map((line) => /;id=([^;]+)/.exec(line)![1]!);
}
