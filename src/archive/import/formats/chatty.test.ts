import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = `# Log started: 2019-09-15 12:59:58 +0200
[12:59:59] You have joined #xqc
[13:00:05] <@%+Ann> hello <world>
[13:00:05] <日本 (bob)> ünï 👍
[13:00:06] <cat>* waves
[13:00:07] BAN: ann (600s) [spam, again], bob, cat (1s) {2 years}
[13:00:08] JOIN: ann, bob
[13:00:08] PART: cat
[13:00:09] MOD: ann
[13:00:10] DELETED: ann (oh (no)), bob (text)
[13:00:11] MOD_ACTION: mod1 (timeout ann 600 spam)
[13:00:12] BITS: ann (100)
[13:00:13] VIEWERS: 12,345
[23:59:59] <ann> late
[00:00:01] <ann> later
# Log closed: 2019-09-16 00:05:00 +0200
-
# Log started: 2019-09-17 08:00:00 +0300
[08:00:01] <ann> another day
`;

it('reads everything that Chatty writes down, in the zone of its header', async () => {
  const { format, events, rejects } = await imported(LOG, { path: '#xqc.log' });
  expect([format, rejects]).toEqual(['chatty', []]);
  expect(events[0]).toMatchObject({ platform: 'twitch', channel: 'xqc', source: 'import' });
  const at = (second: string) => `2019-09-15T11:00:${second}.000Z`;
  const notice = (timestamp: string, sentence: string, name?: string) => ({
    timestamp,
    type: 'notice',
    system_message: sentence,
    ...(name === undefined ? {} : { platform_event: name }),
  });
  expect(events.map(brief)).toEqual([
    notice('2019-09-15T10:59:59.000Z', 'You have joined #xqc'),
    {
      timestamp: at('05'),
      username: 'ann',
      message: 'hello <world>',
      display_name: 'Ann',
      tags: { status: '@%+' },
    },
    { timestamp: at('05'), username: 'bob', message: 'ünï 👍', display_name: '日本' },
    { timestamp: at('06'), username: 'cat', message: 'waves', action: true },
    { timestamp: at('07'), type: 'timeout', target: 'ann', duration_seconds: 600, reason: 'spam, again' },
    { timestamp: at('07'), type: 'ban', target: 'bob' },
    { timestamp: at('07'), type: 'timeout', target: 'cat', duration_seconds: 1 },
    { timestamp: at('08'), username: 'ann', type: 'join' },
    { timestamp: at('08'), username: 'bob', type: 'join' },
    { timestamp: at('08'), username: 'cat', type: 'part' },
    { timestamp: at('09'), type: 'room', target: 'ann', platform_event: 'MOD' },
    { timestamp: at('10'), type: 'delete', target: 'ann', message: 'oh (no)' },
    { timestamp: at('10'), type: 'delete', target: 'bob', message: 'text' },
    {
      ...notice(at('11'), 'MOD_ACTION: mod1 (timeout ann 600 spam)', 'MOD_ACTION'),
      moderator: 'mod1',
    },
    notice(at('12'), 'BITS: ann (100)', 'BITS'),
    notice(at('13'), 'VIEWERS: 12,345', 'VIEWERS'),
    { timestamp: '2019-09-15T21:59:59.000Z', username: 'ann', message: 'late' },
    { timestamp: '2019-09-15T22:00:01.000Z', username: 'ann', message: 'later' },
    { timestamp: '2019-09-17T05:00:01.000Z', username: 'ann', message: 'another day' },
  ]);
});

it('rather believes the zone that is stated, which knows when clocks were changed', async () => {
  const log =
    '# Log started: 2019-10-27 01:30:00 +0200\n[01:59:59] <a> 1\n[02:30:00] <a> 2\n[02:10:00] <a> 3\n[03:00:00] <a> 4\n';
  const { events } = await imported(log, { path: '#x.log', zone: 'Europe/Berlin' });
  expect(events.map(({ timestamp }) => timestamp.slice(11, 19))).toEqual([
    '23:59:59',
    '00:30:00',
    '01:10:00',
    '02:00:00',
  ]);
});

it('reads dated lines, and names by the file’s', async () => {
  const log = '[2019-09-15 13:00:05] <ann> hi\n[2019-09-16 00:00:05] BAN: ann\n';
  const { events, format } = await imported(log, { path: '2019-09-15_#XQC.log', zone: 'UTC' });
  expect(format).toBe('chatty');
  expect(events).toMatchObject([{ channel: 'xqc' }, { timestamp: '2019-09-16T00:00:05.000Z', type: 'ban' }]);
  await expect(imported(log, { path: '#x.log' })).rejects.toMatchObject({ code: 'import_zone_unknown' });
});
