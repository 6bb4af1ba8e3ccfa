import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = `[2019-09-15 13:00:05 UTC] Ann: hello: world
[2019-09-15 13:00:06 UTC] bob: ünï 👍
[2019-09-15 13:00:07 UTC] Ban: bob muted by Bot
[2019-09-15 13:00:08 UTC] Ban: bob banned by Bot
[2019-09-15 13:00:09 UTC] Subscriber: ann is now a Tier I subscriber!
[2019-09-15 13:00:10 UTC] nobody
`;

it('reads the logs of OverRustle: of channels of Twitch', async () => {
  const path = 'Xqcow chatlog/September 2019/2019-09-15.txt';
  const { format, events, rejects } = await imported(LOG, { path });
  expect([format, rejects]).toEqual(['overrustle', []]);
  expect(events[0]).toMatchObject({ platform: 'twitch', channel: 'xqcow' });
  expect(events.slice(0, 3).map(brief)).toEqual([
    { timestamp: '2019-09-15T13:00:05.000Z', username: 'ann', message: 'hello: world', display_name: 'Ann' },
    { timestamp: '2019-09-15T13:00:06.000Z', username: 'bob', message: 'ünï 👍' },
    {
      timestamp: '2019-09-15T13:00:07.000Z',
      username: 'ban',
      message: 'bob muted by Bot',
      display_name: 'Ban',
    },
  ]);
  expect(brief(events[5]!)).toMatchObject({ type: 'raw', raw: '[2019-09-15 13:00:10 UTC] nobody' });
});

it('reads those of destiny.gg, where names say what happened', async () => {
  const { events } = await imported(LOG, { path: 'Destinygg chatlog/September 2019/2019-09-15.txt' });
  expect(events[0]).toMatchObject({ platform: 'destinygg', channel: 'destinygg', username: 'Ann' });
  expect(events.slice(2, 5)).toMatchObject([
    { type: 'timeout', target: 'bob', moderator: 'Bot' },
    { type: 'ban', target: 'bob', moderator: 'Bot' },
    { type: 'notice', system_message: 'ann is now a Tier I subscriber!' },
  ]);
  await expect(imported(LOG, { path: 'x.txt' })).rejects.toMatchObject({ code: 'import_channel_unknown' });
});
