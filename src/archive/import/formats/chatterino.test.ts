import { expect, it } from 'vitest';
import { brief, imported } from '../../../../test/support/imported.ts';

const LOG = `# Start logging at 2019-09-15 12:59:58 CEST
[12:59:59] connected
[13:00:05]  ann: hello: world
[13:00:05] 日本 bob: ünï 👍
[13:00:06] cat: of an older version
[13:00:07] ann has been timed out for 10m 30s. (2 times)
[13:00:08] bob has been permanently banned.
[13:00:09] mod1: mod1 timed out ann for 7d: "spam, again". 
[13:00:10]  mod1: mod1 timed out ann for 7d
[13:00:11] mod1 unbanned bob.
[13:00:12] Chat has been cleared by a moderator.
[13:00:13] A message from cat was deleted: oh: no
[13:00:14] ann subscribed at Tier 1. They've subscribed for 5 months!
[13:00:15] Users joined: ann, bob
[13:00:16] 
# Stop logging at 2019-09-15 13:05:00CEST
# Start logging at 2019-09-15 14:00:00 CEST
[14:00:00]  ann: back
`;

const path = 'Twitch/Channels/xqc/xqc-2019-09-15.log';
const options = { path, zone: 'Europe/Berlin' };

it('reads everything that Chatterino writes down', async () => {
  const { format, events, rejects } = await imported(LOG, options);
  expect([format, rejects]).toEqual(['chatterino', []]);
  expect(events[0]).toMatchObject({ platform: 'twitch', channel: 'xqc', source: 'import' });
  const at = (second: string) => `2019-09-15T11:00:${second}.000Z`;
  const notice = (timestamp: string, sentence: string) => ({
    timestamp,
    type: 'notice',
    system_message: sentence,
  });
  expect(events.map(brief)).toEqual([
    notice('2019-09-15T10:59:59.000Z', 'connected'),
    { timestamp: at('05'), username: 'ann', message: 'hello: world' },
    { timestamp: at('05'), username: 'bob', message: 'ünï 👍', display_name: '日本' },
    { timestamp: at('06'), username: 'cat', message: 'of an older version' },
    { timestamp: at('07'), type: 'timeout', target: 'ann', duration_seconds: 630 },
    { timestamp: at('08'), type: 'ban', target: 'bob' },
    {
      timestamp: at('09'),
      type: 'timeout',
      moderator: 'mod1',
      target: 'ann',
      duration_seconds: 604_800,
      reason: 'spam, again',
    },
    // Somebody may say what a moderator's action reads like, but not with a space at its end.
    { timestamp: at('10'), username: 'mod1', message: 'mod1 timed out ann for 7d' },
    { timestamp: at('11'), type: 'unban', moderator: 'mod1', target: 'bob' },
    { timestamp: at('12'), type: 'clear' },
    { timestamp: at('13'), type: 'delete', target: 'cat', message: 'oh: no' },
    notice(at('14'), "ann subscribed at Tier 1. They've subscribed for 5 months!"),
    notice(at('15'), 'Users joined: ann, bob'),
    { timestamp: at('16'), type: 'raw', raw: '[13:00:16] ' },
    { timestamp: '2019-09-15T12:00:00.000Z', username: 'ann', message: 'back' },
  ]);
});

it('puts mentions into the channels that they are from, and whispers into none', async () => {
  const mentions = await imported(
    '# Start logging at 2019-09-15 12:59:58 CEST\n#XQC [13:00:05]  ann: hi me\n',
    {
      path: 'Twitch/Mentions/mentions-2019-09-15.log',
      zone: 'UTC',
    },
  );
  expect(mentions.events).toMatchObject([{ channel: 'xqc', username: 'ann', message: 'hi me' }]);
  const whispers = await imported('# Start logging at 2019-09-15 12:59:58 CEST\n[13:00:05]  ann: hi\n', {
    path: 'Twitch/Whispers/whispers-2019-09-15.log',
    zone: 'UTC',
  });
  expect(whispers.events).toMatchObject([{ channel: '*', type: 'private', username: 'ann' }]);
});

it('asks for the zone, and for channel and day where neither name nor content tells', async () => {
  await expect(imported(LOG, { path })).rejects.toMatchObject({ code: 'import_zone_unknown' });
  await expect(imported(LOG, { zone: 'UTC' })).rejects.toMatchObject({ code: 'import_channel_unknown' });
  const bare = '[13:00:05]  ann: hello\n';
  const { format } = await import('./chatterino.ts').then(({ chatterino }) => ({ format: chatterino }));
  await expect(imported(bare, { zone: 'UTC', channel: 'x', format })).rejects.toMatchObject({
    code: 'import_date_unknown',
  });
  const { events } = await imported(bare, {
    zone: 'UTC',
    channel: 'x',
    format,
    dayMs: Date.UTC(2019, 8, 15),
  });
  expect(events).toMatchObject([{ timestamp: '2019-09-15T13:00:05.000Z', channel: 'x' }]);
});
