/** More channels than one connection may have, more JOINs than one window allows; and joins that are none. */
import { expect, test } from 'vitest';
import { chatLine, chatLines } from '../support/live-lines.ts';
import { startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { compareTwitch, gapsOf, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, caughtUp, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';

test.concurrent('1,100 channels are joined over several connections within the budget, and each is recorded', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false, joinBudget: { joins: 800, perMs: 10_000 } });
  const channels = Array.from({ length: 1_100 }, (_, index) => `channel_${index}`);
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels,
    twitch: { join_budget: 800 },
    recorder: { max_open_files: 200 },
  });
  await chatlog.until(
    'all are joined',
    async () => (await chatlog.status()).channels.every(({ state }) => state === 'joined'),
    60_000,
  );
  expect(server.joinsOverBudget, 'Twitch would have dropped them without a word').toBe(0);
  const { connections } = await chatlog.status();
  expect(connections).toHaveLength(Math.ceil(1_100 / 90));
  expect(Math.max(...connections.map(({ channels: count }) => count))).toBe(90);
  for (const session of server.connections()) expect(session.channels.length).toBeLessThanOrEqual(90);

  const lines = channels.map((channel) => chatLine(channel, 'hello'));
  for (const [index, channel] of channels.entries()) server.sayTo(channel, lines[index]!);
  await arrived(chatlog, lines);
  // One of the connections is lost: its channels are joined again, still within the budget.
  const joinedAt = server.received.length;
  server.connections()[0]!.drop();
  await waitFor('its channels are joined again', () =>
    channels.every((channel) => server.joined(channel) === 1),
  );
  expect(server.received.length).toBeGreaterThan(joinedAt);
  expect(server.joinsOverBudget).toBe(0);
  const stoppedMs = performance.now();
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
  expect(performance.now() - stoppedMs).toBeLessThan(3_000);
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  for (const event of events) expect(channels).toContain(event.channel);
}, 120_000);

test.concurrent('a join that is confirmed and delivers nothing is noticed by its silence and filled', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ tls: false });
  await using service = await startRecentMessagesServer({ history: server.history });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann', 'bob'],
    twitch: { backfill: { enabled: true, url: service.url }, silent_after_seconds: 3 },
  });
  await caughtUp(chatlog, 'ann', 'bob');
  const lines = chatLines('ann', 30);
  server.sayTo('ann', ...lines.slice(0, 10));
  await arrived(chatlog, lines.slice(0, 10));
  server.faults.ghostJoins.set('ann', 1);
  server.dropAll();
  await waitFor('joined again', () => server.joined('bob') === 1);
  await joined(chatlog, 'ann', 'bob');
  await chatlog.until('the loss is filled: what is said now is not of it', () =>
    chatlog
      .log()
      .some(({ channel, cause }) => channel === 'ann' && String(cause).startsWith('connection lost')),
  );
  expect(server.sayTo('ann', ...lines.slice(10, 20)), 'joined, and nobody hears it').toBe(0);
  await waitFor('joined on another connection', () => server.joined('ann') === 1, { timeoutMs: 60_000 });
  server.sayTo('ann', ...lines.slice(20));
  await arrived(chatlog, lines);
  await chatlog.until('the gap is written', async () =>
    gapsOf(await recordedIn(directory.path), 'ann').some(({ reason }) =>
      reason!.includes('delivered nothing'),
    ),
  );
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  const ghost = gapsOf(events, 'ann').find(({ reason }) => reason!.includes('delivered nothing'));
  expect(ghost!.gap).toMatchObject({ backfill: 'complete', filled: 10 });
});
