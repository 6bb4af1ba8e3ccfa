import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = [
  '2019-09-15 13:00:00\t****  Beginning of log  ****',
  '2019-09-15 13:00:01\t-->\tann (~ann@host.example) has joined #c',
  '2019-09-15 13:00:01\t-->\tbob [account] (Bob (the builder)) (~b@h) has joined #c',
  '2019-09-15 13:00:02\t--\tTopic for #c is "welcome"',
  '2019-09-15 13:00:05\t@ann\thello\tthere, 日本',
  '2019-09-15 13:00:05\tbob\t',
  '2019-09-15 13:00:06\t *\tann waves',
  '2019-09-15 13:00:07\t--\tbob is now known as rob',
  '2019-09-15 13:00:08\t--\tMode #c [+o rob] by ann',
  '2019-09-15 13:00:08\t--\tMode #c [-b *!*@h] by ann',
  '2019-09-15 13:00:09\t--\tann has changed topic for #c from "welcome" to "new "topic""',
  '2019-09-15 13:00:10\t--\tNotice(ann): read this',
  '2019-09-15 13:00:11\t<--\tann has kicked rob (no (spam) please)',
  '2019-09-15 13:00:12\t<--\tcat (c@h) has left #c ("bye (now)")',
  '2019-09-15 13:00:13\t<--\tdan (d@h) has quit (Ping timeout)',
  '2019-09-15 13:00:14\t\tno prefix',
  '2019-09-15 13:00:15\t=!=\tirc: disconnected',
  '2019-09-15 13:00:16\t****  End of log  ****',
  '',
].join('\n');

const options = { path: 'logs/irc.libera.#c.weechatlog', zone: 'Europe/Berlin' };

it('reads everything that WeeChat writes down', async () => {
  const { format, events, rejects } = await imported(LOG, options);
  expect([format, rejects]).toEqual(['weechat', []]);
  expect(events[0]).toMatchObject({ platform: 'irc-libera', channel: '#c', source: 'import' });
  const at = (second: string) => `2019-09-15T11:00:${second}.000Z`;
  expect(events.map(brief)).toEqual([
    { timestamp: at('01'), username: 'ann', type: 'join', prefix: 'ann!~ann@host.example' },
    { timestamp: at('01'), username: 'bob', type: 'join', prefix: 'bob!~b@h' },
    { timestamp: at('02'), type: 'status', system_message: 'Topic for #c is "welcome"' },
    {
      timestamp: at('05'),
      username: 'ann',
      message: 'hello\tthere, 日本',
      prefix: 'ann',
      tags: { status: '@' },
    },
    { timestamp: at('05'), username: 'bob', prefix: 'bob' },
    { timestamp: at('06'), username: 'ann', message: 'waves', action: true, prefix: 'ann' },
    {
      timestamp: at('07'),
      username: 'bob',
      type: 'presence',
      target: 'rob',
      platform_event: 'NICK',
      prefix: 'bob',
    },
    {
      timestamp: at('08'),
      username: 'ann',
      message: '+o rob',
      type: 'room',
      platform_event: 'MODE',
      prefix: 'ann',
    },
    {
      timestamp: at('08'),
      username: 'ann',
      type: 'unban',
      moderator: 'ann',
      target: '*!*@h',
      platform_event: 'MODE',
      prefix: 'ann',
    },
    {
      timestamp: at('09'),
      username: 'ann',
      message: 'new "topic"',
      type: 'room',
      platform_event: 'TOPIC',
      prefix: 'ann',
    },
    {
      timestamp: at('10'),
      username: 'ann',
      message: 'read this',
      type: 'notice',
      platform_event: 'NOTICE',
      prefix: 'ann',
    },
    {
      timestamp: at('11'),
      username: 'ann',
      type: 'timeout',
      moderator: 'ann',
      target: 'rob',
      duration_seconds: 0,
      reason: 'no (spam) please',
      platform_event: 'KICK',
      prefix: 'ann',
    },
    { timestamp: at('12'), username: 'cat', message: 'bye (now)', type: 'part', prefix: 'cat!c@h' },
    {
      timestamp: at('13'),
      username: 'dan',
      message: 'Ping timeout',
      type: 'part',
      platform_event: 'QUIT',
      prefix: 'dan!d@h',
    },
    { timestamp: at('14'), type: 'status', system_message: 'no prefix' },
    { timestamp: at('15'), type: 'status', system_message: 'irc: disconnected' },
  ]);
});

it('needs no zone where the log tells it, and then keeps what is below a second', async () => {
  const log =
    '2023-12-05T19:46:03.847625Z\tann\thello\n2023-12-05T19:46:04.000001Z\t<--\tann (a@h) has quit (x)\n';
  const { events } = await imported(log, { path: options.path });
  expect(events.map(({ timestamp }) => timestamp)).toEqual([
    '2023-12-05T19:46:03.847Z',
    '2023-12-05T19:46:04.000Z',
  ]);
});

it('tells the network from the name of the file, and what the server says from a channel', async () => {
  const { events } = await imported(LOG, { ...options, path: 'irc.server.libera.weechatlog' });
  expect(events[0]).toMatchObject({ platform: 'irc-libera', channel: '*' });
  await expect(imported(LOG, { zone: 'UTC' })).rejects.toMatchObject({ code: 'import_platform_unknown' });
  await expect(imported(LOG, { path: options.path })).rejects.toMatchObject({ code: 'import_zone_unknown' });
});

it('rejects what has no time and no day that is one', async () => {
  const { events, rejects } = await imported(`${LOG}oops\n2019-02-30 13:00:00\tann\thello\n`, options);
  expect(events).toHaveLength(16);
  expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
    [19, 'no line of WeeChat: it has no time'],
    [20, 'its time cannot be told'],
  ]);
});
