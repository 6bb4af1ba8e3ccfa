import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = `[Sun Sep 15 2019 13:00:01] [init] Channel ready
[Sun Sep 15 2019 13:00:02] [login] Accepted connection from 198.51.x.x
[Sun Sep 15 2019 13:00:02] [login] 198.51.x.x logged in as ann (aliases: ann,annie)
[Sun Sep 15 2019 13:00:05] <ann> hello <b>world</b> [x]
[Sun Sep 15 2019 13:00:06] <ann.greentext> >implying
[Sun Sep 15 2019 13:00:07] <bob.action> waves
[Sun Sep 15 2019 13:00:08] [mod] ann kicked bob (no (spam))
[Sun Sep 15 2019 13:00:09] [mod] ann namebanned bob
[Sun Sep 15 2019 13:00:10] [mod] ann banned 198.51.x.x (bob)
[Sun Sep 15 2019 13:00:11] [mod] ann unbanned bob
[Sun Sep 15 2019 13:00:12] [mod] ann used /clear
[Sun Sep 15 2019 13:00:13] [mod] ann muted bob
[Sun Sep 15 2019 13:00:14] [playlist] Now playing: A Song (live) (yt:dQw4w9WgXcQ)
[Sun Sep 15 2019 13:00:15] [poll] ann opened poll: 'yes?'
[Sun Sep 15 2019 13:00:16] [login] 198.51.x.x (ann) disconnected.
[Sun Sep 15 2019 13:00:17] something
second half
`;

it('reads everything that CyTube writes down', async () => {
  const { format, events, rejects } = await imported(LOG, {
    path: 'chanlogs/MyRoom.log',
    zone: 'America/New_York',
  });
  expect(format).toBe('cytube');
  expect(rejects).toEqual([{ line: 17, reason: 'no line of CyTube: it has no time', text: 'second half' }]);
  expect(events[0]).toMatchObject({ platform: 'cytube', channel: 'MyRoom' });
  const short = events
    .map(brief)
    .map(({ timestamp, ...rest }) => ({ at: timestamp?.slice(11, 19), ...rest }));
  expect(short).toMatchObject([
    { at: '17:00:01', type: 'notice', system_message: 'Channel ready', platform_event: 'init' },
    { at: '17:00:02', type: 'notice', system_message: 'Accepted connection from 198.51.x.x' },
    { type: 'join', username: 'ann' },
    { at: '17:00:05', username: 'ann', message: 'hello <b>world</b> [x]' },
    { username: 'ann', message: '>implying', tags: { class: 'greentext' } },
    { username: 'bob', message: 'waves', action: true },
    { type: 'timeout', moderator: 'ann', target: 'bob', duration_seconds: 0, reason: 'no (spam)' },
    { type: 'ban', moderator: 'ann', target: 'bob' },
    { type: 'ban', moderator: 'ann', target: 'bob', system_message: 'ann banned 198.51.x.x (bob)' },
    { type: 'unban', moderator: 'ann', target: 'bob' },
    { type: 'clear', moderator: 'ann' },
    { type: 'notice', moderator: 'ann', system_message: 'ann muted bob' },
    { type: 'media', media: [{ type: 'yt', title: 'A Song (live)' }], tags: { 'media-id': 'dQw4w9WgXcQ' } },
    { type: 'poll', username: 'ann' },
    { type: 'part', username: 'ann' },
    { type: 'raw', raw: '[Sun Sep 15 2019 13:00:17] something' },
  ]);
});

it('asks for the zone of the server', async () => {
  await expect(imported(LOG, { path: 'x.log' })).rejects.toMatchObject({ code: 'import_zone_unknown' });
});
