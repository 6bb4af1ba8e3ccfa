import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = `[13:00:01] *** Joins: ann (~ann@host.example)
[13:00:05] <ann> hello *** there \x02bold\x02
[13:00:05] <bob> ünï
[13:00:06] * ann waves
[13:00:07] -bob- a notice
[13:00:08] *** ann sets mode: +o bob
[13:00:08] *** ann sets mode: +bb *!*@x *!*@y
[13:00:09] *** bob is now known as rob
[13:00:10] *** rob was kicked by ann (out (now))
[13:00:11] *** ann changes topic to 'it's new'
[13:00:12] *** Parts: cat (c@h) ()
[13:00:13] *** Quits: dan (d@h) (gone (for good))
[13:00:14] what is this
`;

const options = { path: 'users/me/moddata/log/libera/#c/2019-09-15.log', zone: 'UTC' };

it('reads everything that ZNC writes down', async () => {
  const { format, events, rejects } = await imported(LOG, options);
  expect([format, rejects]).toEqual(['znc', []]);
  expect(events[0]).toMatchObject({ platform: 'irc-libera', channel: '#c', source: 'import' });
  const at = (second: string) => `2019-09-15T13:00:${second}.000Z`;
  expect(events.map(brief)).toEqual([
    { timestamp: at('01'), username: 'ann', type: 'join', prefix: 'ann!~ann@host.example' },
    { timestamp: at('05'), username: 'ann', message: 'hello *** there \x02bold\x02', prefix: 'ann' },
    { timestamp: at('05'), username: 'bob', message: 'ünï', prefix: 'bob' },
    { timestamp: at('06'), username: 'ann', message: 'waves', action: true, prefix: 'ann' },
    {
      timestamp: at('07'),
      username: 'bob',
      message: 'a notice',
      type: 'notice',
      platform_event: 'NOTICE',
      prefix: 'bob',
    },
    {
      timestamp: at('08'),
      username: 'ann',
      message: '+o bob',
      type: 'room',
      platform_event: 'MODE',
      prefix: 'ann',
    },
    {
      timestamp: at('08'),
      username: 'ann',
      type: 'ban',
      moderator: 'ann',
      target: '*!*@x *!*@y',
      platform_event: 'MODE',
      prefix: 'ann',
    },
    {
      timestamp: at('09'),
      username: 'bob',
      type: 'presence',
      target: 'rob',
      platform_event: 'NICK',
      prefix: 'bob',
    },
    {
      timestamp: at('10'),
      username: 'ann',
      type: 'timeout',
      moderator: 'ann',
      target: 'rob',
      duration_seconds: 0,
      reason: 'out (now)',
      platform_event: 'KICK',
      prefix: 'ann',
    },
    {
      timestamp: at('11'),
      username: 'ann',
      message: "it's new",
      type: 'room',
      platform_event: 'TOPIC',
      prefix: 'ann',
    },
    { timestamp: at('12'), username: 'cat', type: 'part', prefix: 'cat!c@h' },
    {
      timestamp: at('13'),
      username: 'dan',
      message: 'gone (for good)',
      type: 'part',
      platform_event: 'QUIT',
      prefix: 'dan!d@h',
    },
    { timestamp: at('14'), type: 'raw', raw: '[13:00:14] what is this' },
  ]);
});

it.each([
  ['moddata/log/me/libera/#c/2019-09-15.log', 'irc-libera', '#c'],
  ['users/me/networks/libera/moddata/log/#c/2019-09-15.log', 'irc-libera', '#c'],
  ['users/me/moddata/log/me_libera_#c_20190915.log', 'irc-libera', '#c'],
  ['users/me/moddata/log/twitch/#xqc/2019-09-15.log', 'twitch', 'xqc'],
  ['users/me/moddata/log/libera/bob/2019-09-15.log', 'irc-libera', '*'],
  ['users/me/moddata/log/libera/status/2019-09-15.log', 'irc-libera', '*'],
])('tells network and channel from %s', async (path, platform, channel) => {
  const { events } = await imported(LOG, { ...options, path });
  expect(events[1]).toMatchObject({ platform, channel, timestamp: '2019-09-15T13:00:05.000Z' });
});

it('asks for what the path does not tell', async () => {
  await expect(imported(LOG, { zone: 'UTC', path: '#c/2019-09-15.log' })).rejects.toMatchObject({
    code: 'import_platform_unknown',
  });
  const stated = { zone: 'UTC', platform: 'irc-x', channel: 'c' };
  await expect(imported(LOG, { ...stated, path: 'c.log' })).rejects.toMatchObject({
    code: 'import_date_unknown',
  });
  const { events } = await imported(LOG, { ...stated, path: 'c.log', dayMs: Date.UTC(2019, 8, 14) });
  expect(events[1]).toMatchObject({
    platform: 'irc-x',
    channel: '#c',
    timestamp: '2019-09-14T13:00:05.000Z',
  });
});
