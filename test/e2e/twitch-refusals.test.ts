/** What Twitch refuses, as a user sees it: the channel's state and the reason, and everybody else records on. */
import { expect, test } from 'vitest';
import type { StatusReport } from '../../src/api/status.ts';
import { chatLine } from '../support/live-lines.ts';
import { metricValue } from '../support/parse-metrics.ts';
import { compareTwitch, NOTHING_WRONG, recordedIn } from '../support/recorded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { arrived, joined, runOnTwitch } from '../support/twitch-run.ts';
import { startTwitchServer } from '../support/twitch-server.ts';

const REFUSED = ['banned', 'suspended', 'not_found', 'limit', 'unknown'] as const;

test.concurrent('each refused channel says why; the others record', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({
    refusals: new Map(REFUSED.map((refusal) => [`is_${refusal}`, refusal])),
  });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann', ...REFUSED.map((refusal) => `is_${refusal}`), 'bob'],
    twitch: { join_timeout_seconds: 1 },
  });
  await joined(chatlog, 'ann', 'bob');
  await chatlog.until('every refusal is known', async () => {
    const states = statesOf(await chatlog.status());
    return REFUSED.every((refusal) => !['queued', 'joining'].includes(states[`is_${refusal}`]!.state));
  });
  const status = await chatlog.status();
  expect(statesOf(status)).toMatchObject({
    ann: { state: 'joined' },
    bob: { state: 'joined' },
    is_banned: { state: 'banned', reason: expect.stringContaining('banned') },
    is_suspended: { state: 'suspended', reason: expect.stringContaining('suspended') },
    is_not_found: { state: 'not_found', reason: expect.stringContaining('no such channel') },
    is_limit: { state: 'limit', reason: expect.stringContaining('100') },
    is_unknown: { state: 'retrying', reason: expect.stringContaining('may not exist') },
  });
  expect(status.components.twitch).toMatchObject({ ok: true, detail: expect.stringContaining('2 of 7') });
  const metrics = await chatlog.metrics();
  for (const [state, count] of Object.entries({
    joined: 2,
    banned: 1,
    suspended: 1,
    not_found: 1,
    limit: 1,
  })) {
    expect(metricValue(metrics, 'chatlog_channels', { platform: 'twitch', state }), state).toBe(count);
  }
  // The refusals are lines like any other: they stay in the archive.
  const line = chatLine('bob', 'hello');
  server.sayTo('bob', line);
  await arrived(chatlog, [line]);

  // Unknown becomes known: it is tried again by itself. The final ones are not pestered.
  server.refusals.clear();
  await joined(chatlog, 'is_unknown');
  const joins = server.received.filter(({ line: sent }) => /^JOIN .*#is_banned\b/.test(sent));
  expect(joins).toHaveLength(1);
  await chatlog.stop();
  const events = await recordedIn(directory.path);
  expect(
    events
      .filter(({ type }) => type === 'notice')
      .map(({ channel }) => channel)
      .toSorted(),
  ).toEqual(['is_banned', 'is_limit', 'is_not_found', 'is_suspended']);
  expect(
    compareTwitch(
      events.filter(({ id }) => id !== undefined),
      [line],
    ),
  ).toEqual(NOTHING_WRONG);
});

test.concurrent('a refused login names the keys to look at, is not hammered and does not print the token', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ accounts: { recorder: 'the-right-one' } });
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels: ['ann'],
    twitch: { username: 'recorder', oauth: 'oauth:not-the-right-one' },
  });
  await chatlog.until('it says why', async () =>
    /check twitch\.oauth and twitch\.username/.test((await chatlog.status()).connections[0]?.reason ?? ''),
  );
  const status = await chatlog.status();
  expect(status.connections[0]).toMatchObject({ state: 'waiting' });
  expect(status.connections[0]!.reason).toContain('Login authentication failed');
  expect(status.channels[0]).toMatchObject({
    state: 'queued',
    reason: expect.stringContaining('twitch.oauth'),
  });
  expect(status.components.twitch!.ok).toBe(false);
  expect(server.accepted, 'one attempt a minute').toBe(1);
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
  expect(chatlog.output).not.toContain('not-the-right-one');
});

test.concurrent('an account at its limit of channels records those it is in, and says so of the rest', async () => {
  await using directory = await tempDir();
  await using server = await startTwitchServer({ channelsMax: 3 });
  const channels = ['a_1', 'a_2', 'a_3', 'a_4', 'a_5'];
  await using chatlog = await runOnTwitch(server, {
    directory: directory.path,
    channels,
    twitch: { username: 'recorder', oauth: 'some-token' },
  });
  await chatlog.until('all are settled', async () =>
    (await chatlog.status()).channels.every(({ state }) => state === 'joined' || state === 'limit'),
  );
  const { channels: rows } = await chatlog.status();
  expect(rows.filter(({ state }) => state === 'joined')).toHaveLength(3);
  const atLimit = rows.filter(({ state }) => state === 'limit');
  expect(atLimit).toHaveLength(2);
  for (const { reason } of atLimit) expect(reason).toContain('as many channels as Twitch allows');

  const lines = channels.map((channel) => chatLine(channel, 'hello'));
  for (const [index, channel] of channels.entries()) server.sayTo(channel, lines[index]!);
  const heard = lines.filter((_, index) => server.joined(channels[index]!) === 1);
  await arrived(chatlog, heard);
  await chatlog.stop();
  expect(heard).toHaveLength(3);
  const said = (await recordedIn(directory.path)).filter(({ type }) => type === undefined);
  expect(compareTwitch(said, heard)).toEqual(NOTHING_WRONG);
});

function statesOf(status: StatusReport): Record<string, { state: string; reason?: string }> {
  return Object.fromEntries(
    status.channels.map(({ channel, state, reason }) => [channel, { state, reason }]),
  );
}
