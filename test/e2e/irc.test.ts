/** Chatlog on a real IRC server (inspircd), with people who talk there: what they said and did is in the archive. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { rebuildIrcLine } from '../../src/connectors/irc/irc-event.ts';
import type { ChatEvent } from '../../src/event.ts';
import { type Inspircd, startInspircd } from '../support/inspircd.ts';
import { connectIrcUser, type IrcUser } from '../support/irc-user.ts';
import { eventsOf, readArchive } from '../support/read-archive.ts';
import { gapsOf, recordedIn } from '../support/recorded.ts';
import { type RunningChatlog, runChatlog } from '../support/run-chatlog.ts';
import { tempDir } from '../support/temp-dir.ts';

/** What inspircd has of what Chatlog asks for: with the same capabilities a client gets the same lines. */
const CAPABILITIES =
  'server-time message-tags account-tag batch away-notify extended-join multi-prefix chghost setname'.split(
    ' ',
  );

interface IrcRunOptions {
  directory: string;
  channels: readonly unknown[];
  network?: Record<string, unknown>;
}

function runOnIrc(
  server: Inspircd,
  { directory, channels, network }: IrcRunOptions,
): Promise<RunningChatlog> {
  return runChatlog({
    directory,
    config: {
      irc: {
        pond: {
          host: server.host,
          port: server.port,
          tls: false,
          nick: 'recorder',
          channels,
          join_interval_seconds: 0,
          backoff: { min_seconds: 0.05, max_seconds: 0.3 },
          ...network,
        },
      },
      recorder: { flush_interval_seconds: 0.05, idle_seal_seconds: 1 },
    },
  });
}

async function joined(chatlog: RunningChatlog, ...channels: readonly string[]): Promise<void> {
  await chatlog.until(`${channels.join(', ')} joined`, async () => {
    const rows = (await chatlog.status()).channels;
    return channels.every((name) =>
      rows.some(({ channel, state }) => channel === name && state === 'joined'),
    );
  });
}

async function arrived(chatlog: RunningChatlog, ...texts: readonly string[]): Promise<void> {
  await chatlog.until(`"${texts.join('", "')}" arrived`, async () => {
    const events = await recordedIn(chatlog.directory);
    return texts.every((text) => events.some(({ message }) => message === text));
  });
}

const DUCK = 'Ünïcode, 日本語, עברית, \u{1F986}\u{1F3FD} and e\u0301';

/** A conversation of two. Ann, who was there first, is the channel's operator. */
async function talk(server: Inspircd, ann: IrcUser): Promise<void> {
  await using bob = await connectIrcUser({ port: server.port, nick: 'bob' });
  await bob.join('#pond');
  ann.say('#pond', 'hello bob');
  bob.say('#pond', DUCK);
  bob.act('#pond', 'waves');
  ann.notice('#pond', 'mind the gap');
  ann.say('#POND', 'spelt otherwise');
  ann.send('TOPIC #pond :Ducks & geese');
  ann.send('MODE #pond +b *!*@bad.example');
  ann.send('MODE #pond -b *!*@bad.example');
  ann.send('MODE #pond +v bob');
  await bob.heard(/ MODE #pond \+v :?bob$/);
  bob.send('NICK robert');
  await ann.heard(/ NICK :?robert$/);
  ann.send('KICK #pond robert :out with you');
  await bob.heard(/ KICK #pond robert /);
  bob.send('JOIN #pond');
  bob.send('PART #pond :just looking');
  bob.send('JOIN #pond');
  await ann.heard(/ PART #pond :just looking$/);
  bob.quit('good night');
  await ann.heard(/ QUIT :.*good night$/);
  ann.say('#pond', 'the end');
}

test.concurrent('everything that two people say and do is in the objects, with the right fields and the exact lines', async () => {
  await using directory = await tempDir();
  await using server = await startInspircd();
  await using ann = await connectIrcUser({ port: server.port, nick: 'ann', capabilities: CAPABILITIES });
  await ann.join('#pond');
  await using chatlog = await runOnIrc(server, {
    directory: directory.path,
    channels: [{ name: '#pond', presence: true }],
  });
  await joined(chatlog, '#pond');
  await using witness = await connectIrcUser({
    port: server.port,
    nick: 'witness',
    capabilities: CAPABILITIES,
  });
  await witness.join('#pond');
  await talk(server, ann);
  await witness.heard(/the end$/);
  await arrived(chatlog, 'the end');
  // The second start uploads what the first one sealed.
  expect(await chatlog.stop()).toEqual({ code: 0, signal: null });
  await using again = await runOnIrc(server, { directory: directory.path, channels: [] });
  await again.until('all is uploaded', async () => {
    const { upload, spool } = await again.status();
    return upload.uploaded > 0 && spool.sealedFiles === 0;
  });
  await again.stop();

  const files = await readArchive(directory.join('archive'));
  for (const { path } of files.filter(({ path }) => !path.includes('/%2A/'))) {
    expect(path).toMatch(
      /^(\d{4})\/(\d\d)\/(\d\d)\/irc-pond\/%23pond\/irc-pond_%23pond_\1\2\3_\d{4}(-\d+)?\.jsonl\.zst$/,
    );
  }
  const events = eventsOf(files).filter(({ channel }) => channel === '#pond');
  expect(events.find(({ message }) => message === DUCK)).toMatchObject({
    username: 'bob',
    platform: 'irc-pond',
    channel: '#pond',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  });
  const seen = (fields: Partial<ChatEvent>) => expect(events).toContainEqual(expect.objectContaining(fields));
  seen({ username: 'ann', message: 'hello bob', id: expect.any(String) });
  seen({ username: 'bob', message: 'waves', action: true });
  seen({ username: 'ann', message: 'mind the gap', type: 'notice' });
  seen({ username: 'ann', message: 'spelt otherwise' });
  seen({ type: 'room', username: 'ann', message: 'Ducks & geese', platform_event: 'TOPIC' });
  seen({ type: 'ban', moderator: 'ann', target: '*!*@bad.example' });
  seen({ type: 'unban', moderator: 'ann', target: '*!*@bad.example' });
  seen({ type: 'presence', username: 'bob', target: 'robert', platform_event: 'NICK' });
  seen({ type: 'timeout', moderator: 'ann', target: 'robert', reason: 'out with you', duration_seconds: 0 });
  seen({ type: 'join', username: 'robert' });
  seen({ type: 'part', username: 'robert', message: 'just looking' });
  seen({
    type: 'part',
    username: 'robert',
    message: expect.stringContaining('good night'),
    platform_event: 'QUIT',
  });

  // Another client that was in the channel at the same time got the same lines, byte for byte.
  const since = witness.lines.findIndex((line) => / JOIN :?#pond/.test(line) && line.includes(':bob!'));
  const end = witness.lines.findIndex((line) => line.endsWith('the end'));
  const heard = witness.lines.slice(since, end + 1).filter((line) => !line.startsWith('PING'));
  const rebuilt = events.map(rebuildIrcLine);
  expect(heard.length).toBeGreaterThan(15);
  expect(rebuilt.slice(rebuilt.indexOf(heard[0]!))).toEqual(heard);
});

test.concurrent('presence is left out unless it is asked for, and other channels of the server are nobody else’s', async () => {
  await using directory = await tempDir();
  await using server = await startInspircd();
  await using ann = await connectIrcUser({ port: server.port, nick: 'ann' });
  await ann.join('#quiet');
  await ann.join('#other');
  await using chatlog = await runOnIrc(server, { directory: directory.path, channels: ['#quiet'] });
  await joined(chatlog, '#quiet');
  await using bob = await connectIrcUser({ port: server.port, nick: 'bob' });
  await bob.join('#quiet');
  bob.say('#quiet', 'one');
  bob.send('PART #quiet');
  ann.say('#other', 'not to be recorded');
  ann.say('recorder', 'psst');
  ann.say('#quiet', 'two');
  await arrived(chatlog, 'two');
  await chatlog.stop();
  const events = (await recordedIn(directory.path)).filter(
    ({ type }) => type === undefined || type === 'private',
  );
  expect(
    events.map(({ channel, username, message, type }) => [channel, username, message, type]).toSorted(),
  ).toEqual(
    [
      ['#quiet', 'ann', 'two', undefined],
      ['#quiet', 'bob', 'one', undefined],
      ['*', 'ann', 'psst', 'private'],
    ].toSorted(),
  );
  const presence = (await recordedIn(directory.path)).filter(
    ({ type }) => type === 'join' || type === 'part',
  );
  expect(presence).toEqual([]);
});

test.concurrent('a server that goes away is joined again when it is back, and the time between is a gap', async () => {
  await using directory = await tempDir();
  await using server = await startInspircd({ password: 'let-me-in' });
  const network = {
    server_password: 'let-me-in',
    port: server.tlsPort,
    tls: true,
    tls_ca_file: server.caFile,
  };
  await using chatlog = await runOnIrc(server, { directory: directory.path, channels: ['#pond'], network });
  await joined(chatlog, '#pond');
  {
    await using ann = await connectIrcUser({ port: server.port, nick: 'ann', password: 'let-me-in' });
    await ann.join('#pond');
    ann.say('#pond', 'before');
    await arrived(chatlog, 'before');
  }
  await server.close();
  const lostMs = Date.now();
  await chatlog.until('it says so', async () => {
    const { channels, connections } = await chatlog.status();
    return channels[0]!.state === 'queued' && /ECONNREFUSED|closed/.test(connections[0]!.reason ?? '');
  });
  const { port, tlsPort } = server;
  await using back = await startInspircd({ password: 'let-me-in', ports: { port, tlsPort } });
  const backMs = Date.now();
  await joined(chatlog, '#pond');
  const joinedMs = Date.now();
  await using ann = await connectIrcUser({
    port: back.tlsPort,
    nick: 'ann',
    password: 'let-me-in',
    ca: await readFile(back.caFile, 'utf8'),
  });
  await ann.join('#pond');
  ann.say('#pond', 'after');
  await arrived(chatlog, 'after');
  await chatlog.stop();
  expect(chatlog.output).not.toContain('let-me-in');

  const events = await recordedIn(directory.path);
  const said = events.filter(({ type }) => type === undefined).map(({ message }) => message);
  expect(said.toSorted()).toEqual(['after', 'before']);
  const [gap, ...more] = gapsOf(events, '#pond');
  expect(more).toEqual([]);
  expect(gap).toMatchObject({
    reason: expect.stringContaining('connection lost'),
    gap: { backfill: 'none', filled: 0 },
  });
  expect(Date.parse(gap!.timestamp)).toBeLessThanOrEqual(lostMs);
  expect(Date.parse(gap!.gap!.until)).toBeGreaterThanOrEqual(backMs - 1);
  expect(Date.parse(gap!.gap!.until)).toBeLessThanOrEqual(joinedMs);
});

test.concurrent('kicked, it comes back; banned, it says so; a taken nick is no obstacle; one network’s trouble is its own', async () => {
  await using directory = await tempDir();
  await using server = await startInspircd();
  await using squatter = await connectIrcUser({ port: server.port, nick: 'recorder' });
  await using ann = await connectIrcUser({ port: server.port, nick: 'ann' });
  for (const channel of ['#pond', '#lake', '#closed']) await ann.join(channel);
  ann.send('MODE #lake +b *!*@*');
  ann.send('MODE #closed +k sesame');
  await ann.heard(/ MODE #closed \+k/);
  await using chatlog = await runOnIrc(server, {
    directory: directory.path,
    channels: ['#pond', '#lake', { name: '#closed', key: 'sesame' }],
  });
  await joined(chatlog, '#pond', '#closed');
  await chatlog.until('the ban is known', async () =>
    (await chatlog.status()).channels.some(({ channel, state }) => channel === '#lake' && state === 'banned'),
  );
  const nick = /:(recorder\S+)!/.exec(
    await ann.heard(/:recorder\S+! ?\S* JOIN :?#pond|:recorder[^ !]+!\S+ JOIN/),
  )![1]!;
  ann.send(`KICK #pond ${nick} :no robots`);
  await chatlog.until('it says why', async () =>
    (await chatlog.status()).channels.some(
      ({ channel, state, reason }) =>
        channel === '#pond' && state === 'retrying' && /kicked by ann: no robots/.test(reason!),
    ),
  );
  await joined(chatlog, '#pond', '#closed');
  ann.say('#pond', 'welcome back');
  ann.say('#closed', 'with a key');
  await arrived(chatlog, 'welcome back', 'with a key');
  expect(squatter.closed).toBe(false);
  await chatlog.stop();
  expect(await recordedIn(directory.path)).toContainEqual(
    expect.objectContaining({ type: 'timeout', target: nick, reason: 'no robots', channel: '#pond' }),
  );
});
