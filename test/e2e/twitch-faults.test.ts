/** What goes wrong between Chatlog and Twitch, with the whole process: nothing that reached it is lost or doubled. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { randomChunks } from '../support/chunked-writer.ts';
import { corpusLinesOn } from '../support/corpus.ts';
import { chatLine, chatLines } from '../support/live-lines.ts';
import { startRecentMessagesServer } from '../support/recent-messages-server.ts';
import { compareTwitch, gapsOf, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, caughtUp, gapsWritten, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';
import { waitFor } from '../support/wait-for.ts';

test.concurrent('RECONNECT while messages flow: overlap, nothing lost, nothing doubled, no gap', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  server.faults.chunking = randomChunks(2, 9000);
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann', 'bob'] });
  await joined(chatlog, 'ann', 'bob');
  const lines = corpusLinesOn('ann');
  const flow = server.replay(lines, { perSecond: 1500 });
  for (const connections of [2, 3]) {
    // Every connection is told, as Twitch does: once the old one is gone, the new one as well.
    await waitFor('one connection', () => server.connections().length === 1);
    server.connections()[0]!.askToReconnect();
    await waitFor(`${connections} connections in all`, () => server.accepted === connections);
    await waitFor('both deliver', () => server.joined('ann') === 2);
    await waitFor('the old one has gone', () => server.joined('ann') === 1);
  }
  await flow;
  const bobs = chatLine('bob', 'still here');
  server.sayTo('bob', bobs);
  await arrived(chatlog, [...lines, bobs]);
  const { duplicates } = (await chatlog.status()).recorder;
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, [...lines, bobs])).toEqual(NOTHING_WRONG);
  expect(gapsOf(events)).toEqual([]);
  expect(duplicates, 'both connections delivered for a while').toBeGreaterThan(0);
});

test.concurrent('a half-open socket is noticed, and what was said meanwhile comes from the history', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using service = await startRecentMessagesServer({ history: server.history });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    twitch: {
      ping_after_seconds: 0.6,
      ping_timeout_seconds: 0.6,
      backfill: { enabled: true, url: service.url },
    },
  });
  await caughtUp(chatlog, 'ann');
  const lines = chatLines('ann', 30);
  server.sayTo('ann', ...lines.slice(0, 10));
  await arrived(chatlog, lines.slice(0, 10));
  server.freezeAll();
  expect(server.sayTo('ann', ...lines.slice(10, 20)), 'nobody hears them').toBe(0);
  await waitFor('a new connection', () => server.joined('ann') === 1);
  server.sayTo('ann', ...lines.slice(20));
  await gapsWritten(chatlog, 1);
  await arrived(chatlog, lines);
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  const [gap] = gapsOf(events);
  expect(gap!.gap).toMatchObject({ backfill: 'complete', filled: 10 });
  expect(gap!.reason).toContain('connection lost');
});

test.concurrent('a line cut by the end of its connection is no line, and comes whole from the history', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using service = await startRecentMessagesServer({ history: server.history });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    twitch: { backfill: { enabled: true, url: service.url } },
  });
  const lines: string[] = [];
  for (const [round, bytes] of [1, 40, 200, 10_000].entries()) {
    await waitFor('joined', () => server.joined('ann') === 1);
    const line = chatLine('ann', `round ${round}: ${'ä'.repeat(200)}`);
    lines.push(line);
    server.history.add('ann', line, Date.now());
    // Its last byte and the line end are missing at most.
    server.connections()[0]!.dropMidLine(line, Math.min(bytes, Buffer.byteLength(line)));
    await waitFor('the connection is gone', () => server.joined('ann') === 0);
  }
  await waitFor('joined', () => server.joined('ann') === 1);
  await arrived(chatlog, lines);
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  expect(events.filter(({ type }) => type === 'raw')).toEqual([]);
});

test.concurrent('connections that are dropped before the welcome or refused for a while are tried until one holds', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  server.faults.dropBeforeWelcome = 3;
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await joined(chatlog, 'ann');
  expect(server.accepted).toBe(4);
  const lines = chatLines('ann', 4);
  server.sayTo('ann', ...lines.slice(0, 2));
  await arrived(chatlog, lines.slice(0, 2));

  await server.refuse();
  server.dropAll();
  await chatlog.until('it says why it waits', async () => {
    const { channels, connections, components } = await chatlog.status();
    return (
      channels[0]!.state === 'queued' &&
      /ECONNREFUSED/.test(connections[0]!.reason ?? '') &&
      /ECONNREFUSED/.test(components.twitch!.detail) &&
      !components.twitch!.ok
    );
  });
  // Recording and uploading are as well as ever: only the platform is away.
  expect((await fetch(`${await chatlog.url()}/health/ready`)).status).toBe(200);
  expect((await fetch(`${await chatlog.url()}/health`)).status).toBe(503);
  await sleep(1_000);
  await server.accept();
  await joined(chatlog, 'ann');
  server.sayTo('ann', ...lines.slice(2));
  await arrived(chatlog, lines);
  await gapsWritten(chatlog, 1);
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(compareTwitch(events, lines)).toEqual(NOTHING_WRONG);
  const gaps = gapsOf(events, 'ann');
  expect(gaps.map(({ gap }) => gap)).toMatchObject([{ backfill: 'off', filled: 0 }]);
  expect(gaps[0]!.duration_seconds).toBeGreaterThanOrEqual(1);
});

test.concurrent('a server that ignores PING is left where it says nothing, and kept where it talks', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    twitch: { ping_after_seconds: 0.5, ping_timeout_seconds: 0.5 },
  });
  await joined(chatlog, 'ann');
  server.faults.ignorePings = true;
  const talking = Array.from({ length: 20 }, (_, index) => chatLine('ann', `talk ${index}`));
  for (const line of talking) {
    server.sayTo('ann', line);
    await sleep(150);
  }
  expect(server.accepted, 'traffic is as good as a PONG').toBe(1);
  await waitFor('silence without PONG ends the connection', () => server.accepted >= 2);
  server.faults.ignorePings = false;
  await joined(chatlog, 'ann');
  await waitFor('joined', () => server.joined('ann') === 1);
  const last = chatLine('ann', 'the last');
  server.sayTo('ann', last);
  await arrived(chatlog, [last]);
  await chatlog.stop();
  expect(compareTwitch(await recordedIn(directory.path), [...talking, last])).toEqual(NOTHING_WRONG);
});

test.concurrent('a certificate of a stranger ends no supervision, and is no connection', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer();
  server.faults.certificate = 'untrusted';
  await using chatlog = await runOnTwitch(server, { directory: directory.path, channels: ['ann'] });
  await chatlog.until('it says why', async () =>
    /certificate/i.test((await chatlog.status()).connections[0]?.reason ?? ''),
  );
  expect(server.received, 'not a word to a stranger').toEqual([]);
  server.faults.certificate = 'good';
  await joined(chatlog, 'ann');
  await chatlog.stop();
});
