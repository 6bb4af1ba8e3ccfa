import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = `--- Log opened Sun Sep 15 12:59:58 2019
12:59 -!- ann [~ann@host.example] has joined #c
12:59 -!- Irssi: #c: Total of 3 nicks [1 ops, 0 halfops, 0 voices, 2 normal]
13:00 <@ann> hello: <world> \x0304colours\x03
13:00 < bob> ünïcödé 日本 👍
13:00 <+cat_> 
13:01  * ann waves to bob
13:01  * @bob waves back
13:02 -bob:#c- a notice
13:03 -!- bob is now known as rob
13:03 -!- You're now known as me
13:04 -!- mode/#c [+o rob] by ann
13:04 -!- mode/#c [+b *!*@spam.example] by ann
13:04 -!- ServerMode/#c [+nt] by irc.example
13:05 -!- spammer was kicked from #c by ann [no spam]
13:06 -!- ann changed the topic of #c to: new topic
13:06 -!- Topic unset by ann on #c
13:07 -!- cat_ [c@h] has left #c [bye]
13:07 -!- rob [b@h] has quit [Ping timeout: 240 seconds]
13:08 what is this
--- Day changed Mon Sep 16 2019
00:00 <@ann> past midnight
--- Log closed Mon Sep 16 00:01:02 2019
`;

const options = { path: 'irclogs/libera/#c.log', zone: 'UTC' };

it('reads everything that irssi writes down', async () => {
  const { format, why, events, rejects } = await imported(LOG, options);
  expect([format, why]).toEqual(['irssi', 'has a line "--- Log opened"']);
  expect(rejects).toEqual([]);
  expect(new Set(events.map(({ platform, channel }) => `${platform} ${channel}`))).toEqual(
    new Set(['irc-libera #c']),
  );
  expect(events.map(brief)).toEqual([
    { timestamp: '2019-09-15T12:59:00.000Z', username: 'ann', type: 'join', prefix: 'ann!~ann@host.example' },
    {
      timestamp: '2019-09-15T12:59:00.000Z',
      type: 'status',
      system_message: 'Irssi: #c: Total of 3 nicks [1 ops, 0 halfops, 0 voices, 2 normal]',
    },
    {
      timestamp: '2019-09-15T13:00:00.000Z',
      username: 'ann',
      message: 'hello: <world> \x0304colours\x03',
      prefix: 'ann',
      tags: { status: '@' },
    },
    { timestamp: '2019-09-15T13:00:00.000Z', username: 'bob', message: 'ünïcödé 日本 👍', prefix: 'bob' },
    { timestamp: '2019-09-15T13:00:00.000Z', username: 'cat_', prefix: 'cat_', tags: { status: '+' } },
    {
      timestamp: '2019-09-15T13:01:00.000Z',
      username: 'ann',
      message: 'waves to bob',
      action: true,
      prefix: 'ann',
    },
    {
      timestamp: '2019-09-15T13:01:00.000Z',
      username: 'bob',
      message: 'waves back',
      action: true,
      prefix: 'bob',
      tags: { status: '@' },
    },
    {
      timestamp: '2019-09-15T13:02:00.000Z',
      username: 'bob',
      message: 'a notice',
      type: 'notice',
      platform_event: 'NOTICE',
      prefix: 'bob',
    },
    {
      timestamp: '2019-09-15T13:03:00.000Z',
      username: 'bob',
      type: 'presence',
      target: 'rob',
      platform_event: 'NICK',
      prefix: 'bob',
    },
    { timestamp: '2019-09-15T13:03:00.000Z', type: 'status', system_message: "You're now known as me" },
    {
      timestamp: '2019-09-15T13:04:00.000Z',
      username: 'ann',
      message: '+o rob',
      type: 'room',
      platform_event: 'MODE',
      prefix: 'ann',
    },
    {
      timestamp: '2019-09-15T13:04:00.000Z',
      username: 'ann',
      type: 'ban',
      moderator: 'ann',
      target: '*!*@spam.example',
      platform_event: 'MODE',
      prefix: 'ann',
    },
    {
      timestamp: '2019-09-15T13:04:00.000Z',
      username: 'irc.example',
      message: '+nt',
      type: 'room',
      platform_event: 'MODE',
      prefix: 'irc.example',
    },
    {
      timestamp: '2019-09-15T13:05:00.000Z',
      username: 'ann',
      type: 'timeout',
      moderator: 'ann',
      target: 'spammer',
      duration_seconds: 0,
      reason: 'no spam',
      platform_event: 'KICK',
      prefix: 'ann',
    },
    {
      timestamp: '2019-09-15T13:06:00.000Z',
      username: 'ann',
      message: 'new topic',
      type: 'room',
      platform_event: 'TOPIC',
      prefix: 'ann',
    },
    {
      timestamp: '2019-09-15T13:06:00.000Z',
      username: 'ann',
      type: 'room',
      platform_event: 'TOPIC',
      prefix: 'ann',
    },
    {
      timestamp: '2019-09-15T13:07:00.000Z',
      username: 'cat_',
      message: 'bye',
      type: 'part',
      prefix: 'cat_!c@h',
    },
    {
      timestamp: '2019-09-15T13:07:00.000Z',
      username: 'rob',
      message: 'Ping timeout: 240 seconds',
      type: 'part',
      platform_event: 'QUIT',
      prefix: 'rob!b@h',
    },
    { timestamp: '2019-09-15T13:08:00.000Z', type: 'raw', raw: '13:08 what is this' },
    {
      timestamp: '2019-09-16T00:00:00.000Z',
      username: 'ann',
      message: 'past midnight',
      prefix: 'ann',
      tags: { status: '@' },
    },
  ]);
});

it('reads the same with Windows line ends, a byte order mark, and seconds or whole dates in front', async () => {
  const { events } = await imported(LOG, options);
  const crlf = await imported(`\ufeff${LOG.replaceAll('\n', '\r\n')}`, options);
  // The mark of a line that is kept as it came is no part of it either.
  expect(crlf.events).toEqual(events);
  const dated = '2019-09-15 13:00:05 <@ann> hello\n2019-09-15 13:00:07 -!- ann [a@h] has quit []\n';
  const { events: found, rejects } = await imported(dated, { ...options, zone: 'Europe/Berlin' });
  expect(rejects).toEqual([]);
  expect(found.map(({ timestamp, type = 'message' }) => [timestamp, type])).toEqual([
    ['2019-09-15T11:00:05.000Z', 'message'],
    ['2019-09-15T11:00:07.000Z', 'part'],
  ]);
});

it('says what has to be stated: network, zone, day', async () => {
  const bare = '13:00 <ann> hello\n13:01 -!- ann [a@h] has quit [x]\n';
  await expect(imported(bare, { path: 'c.log', zone: 'UTC' })).rejects.toMatchObject({
    code: 'import_platform_unknown',
  });
  await expect(imported(LOG, { ...options, zone: undefined })).rejects.toMatchObject({
    code: 'import_zone_unknown',
  });
  await expect(imported(bare, options)).rejects.toMatchObject({ code: 'import_date_unknown' });
  const { events } = await imported(bare, { ...options, dayMs: Date.UTC(2019, 8, 15) });
  expect(events[0]).toMatchObject({
    timestamp: '2019-09-15T13:00:00.000Z',
    platform: 'irc-libera',
    channel: '#c',
  });
});

it('keeps what it cannot read: lines of another encoding exactly, lines without a time as rejects', async () => {
  const latin1 = Buffer.from(
    '--- Log opened Sun Sep 15 12:59:58 2019\n13:00 <ann> caf\xe9\nno time\n',
    'latin1',
  );
  const { events, rejects } = await imported(latin1, options);
  expect(events.map(brief)).toEqual([
    {
      timestamp: '2019-09-15T13:00:00.000Z',
      username: 'ann',
      message: 'café',
      prefix: 'ann',
      raw: '13:00 <ann> café',
      raw_base64: Buffer.from('13:00 <ann> caf\xe9', 'latin1').toString('base64'),
    },
  ]);
  expect(rejects).toEqual([{ line: 3, reason: 'no line of irssi: it has no time', text: 'no time' }]);
});

it('takes the log of a private talk for private, and that of the chat of Twitch for Twitch', async () => {
  const { events } = await imported(LOG, { ...options, path: 'irclogs/libera/bob.log' });
  expect(events[2]).toMatchObject({ channel: '*', type: 'private', username: 'ann', target: 'bob' });
  const twitch = await imported(LOG, { ...options, path: 'irclogs/twitch/#XQC.log' });
  expect(twitch.events[2]).toMatchObject({ platform: 'twitch', channel: 'xqc', username: 'ann' });
});
