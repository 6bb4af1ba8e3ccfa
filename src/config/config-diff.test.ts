import { describe, expect, it } from 'vitest';
import { diffConfig } from './config-diff.ts';
import { checkConfigText } from './load-config.ts';
import { resolveChannels } from './resolve-channels.ts';
import type { Config } from './schema.ts';

async function config(text: string): Promise<Config> {
  const result = await checkConfigText(text, '/etc/chatlog/config.yaml', {});
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

const diff = async (before: string, after: string) => diffConfig(await config(before), await config(after));
const NOTHING = { channelsChanged: false, recordingChanged: false, logLevelChanged: false, needsRestart: [] };

describe('the difference of two configurations', () => {
  it('is nothing for the same meaning in another spelling', async () => {
    const before = 'twitch: {channels: [b, {name: A}]}\n';
    const after =
      '# c\ntwitch:\n  channels:\n    - name: "#a"\n      sampling_rate: 1\n    - B\nrecorder: {}\n';
    expect(await diff(before, after)).toEqual(NOTHING);
  });

  it.each([
    ['twitch: {channels: [a]}', 'twitch: {channels: [a, b]}'],
    ['twitch: {channels: [a]}', 'twitch: {channels: []}'],
    ['twitch: {channels: [a]}', 'twitch: {channels: [{name: a, enabled: false}]}'],
    ['twitch: {channels: [a]}', 'twitch: {channels: [a]}\ndefaults: {enabled: false}'],
  ])('from %j to %j is joining or parting', async (before, after) => {
    expect(await diff(before, after)).toMatchObject({ channelsChanged: true, needsRestart: [] });
  });

  it('sees a changed channel key', async () => {
    const file = (key: string) => `irc: {n: {host: h, nick: n, channels: [{name: "#a", key: ${key}}]}}\n`;
    expect(await diff(file('one'), file('two'))).toEqual({ ...NOTHING, channelsChanged: true });
  });

  it.each([
    ['twitch: {channels: [a]}', 'twitch: {channels: [{name: a, sampling_rate: 0.5}]}'],
    ['twitch: {channels: [a]}', 'twitch: {channels: [{name: a, presence: true}]}'],
    ['twitch: {channels: [a]}', 'twitch: {channels: [a]}\ndefaults: {retention_days: 5}'],
    ['twitch: {channels: [a]}', 'twitch: {channels: [a]}\nkeep: {users: [mod]}'],
  ])('from %j to %j is recording otherwise', async (before, after) => {
    expect(await diff(before, after)).toEqual({ ...NOTHING, recordingChanged: true });
  });

  it('sees the log level', async () => {
    expect(await diff('', 'log: {level: debug}')).toEqual({ ...NOTHING, logLevelChanged: true });
  });

  it('names everything that needs a restart', async () => {
    const before = 'twitch: {}\nirc: {a: {host: h, nick: n}}\n';
    const after =
      'twitch: {backfill: {enabled: false}, port: 1}\nirc: {b: {host: h, nick: n}}\nrecorder: {compression: gzip}\nlog: {format: json}\ns3: {bucket: b}\n';
    const { needsRestart } = await diff(before, after);
    expect(needsRestart.sort()).toEqual([
      'irc.a',
      'irc.b',
      'log.format',
      'recorder.compression',
      's3',
      'twitch.backfill.enabled',
      'twitch.port',
    ]);
  });
});

describe('the channels in effect', () => {
  it('have the defaults where they say nothing', async () => {
    const channels = resolveChannels(
      await config(
        'defaults: {sampling_rate: 0.5, retention_days: forever}\ntwitch: {channels: [a, {name: b, sampling_rate: 1, retention_days: 7, presence: true, enabled: false}]}\n',
      ),
    );
    expect(channels.get('twitch')).toEqual([
      {
        platform: 'twitch',
        name: 'a',
        enabled: true,
        samplingRate: 0.5,
        retentionDays: 'forever',
        objectRetentionDays: 'forever',
        pipelines: [],
        presence: false,
      },
      {
        platform: 'twitch',
        name: 'b',
        enabled: false,
        samplingRate: 1,
        retentionDays: 7,
        objectRetentionDays: 'forever',
        pipelines: [],
        presence: true,
      },
    ]);
  });

  it('are off with their platform, which stays listed', async () => {
    const channels = resolveChannels(
      await config('irc: {n: {host: h, nick: n, enabled: false, channels: ["#a"]}, m: {host: h, nick: n}}\n'),
    );
    expect(channels.get('irc-n')?.map(({ enabled }) => enabled)).toEqual([false]);
    expect(channels.get('irc-m')).toEqual([]);
    expect(channels.has('twitch')).toBe(false);
  });
});
