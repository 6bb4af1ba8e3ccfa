import { isDeepStrictEqual } from 'node:util';
import { formatPath } from './problem.ts';
import { type EffectiveChannel, resolveChannels } from './resolve-channels.ts';
import type { Config } from './schema.ts';

/** What a changed configuration means for a running service. */
export interface ConfigDiff {
  /** Channels to join or part: added, removed, enabled, disabled, with another key. */
  channelsChanged: boolean;
  /** Sampling rate, presence or retention of some channel, or the keep-list. */
  recordingChanged: boolean;
  logLevelChanged: boolean;
  /** Key paths that only a restart puts into effect: `recorder.compression`, `irc.libera.nick`. */
  needsRestart: string[];
}

export function diffConfig(before: Config, after: Config): ConfigDiff {
  const oldChannels = flatten(before);
  const newChannels = flatten(after);
  return {
    channelsChanged: !isDeepStrictEqual(joins(oldChannels), joins(newChannels)),
    recordingChanged:
      !isDeepStrictEqual(before.keep, after.keep) ||
      !isDeepStrictEqual(recording(oldChannels), recording(newChannels)),
    logLevelChanged: before.log.level !== after.log.level,
    needsRestart: changedPaths(fixedPart(before), fixedPart(after), []),
  };
}

function flatten(config: Config): EffectiveChannel[] {
  return [...resolveChannels(config).values()].flat();
}

function joins(channels: readonly EffectiveChannel[]): Set<string> {
  return new Set(
    channels
      .filter(({ enabled }) => enabled)
      .map(({ platform, name, key }) => JSON.stringify([platform, name, key])),
  );
}

/** Of channels that are recorded: what is off has nothing to change. */
function recording(channels: readonly EffectiveChannel[]): Map<string, unknown> {
  return new Map(
    channels
      .filter(({ enabled }) => enabled)
      .map((channel) => [
        JSON.stringify([channel.platform, channel.name]),
        [channel.samplingRate, channel.presence, channel.retentionDays],
      ]),
  );
}

/** The configuration without what takes effect while running. */
function fixedPart(config: Config): object {
  const { defaults: _defaults, keep: _keep, ...rest } = config;
  const irc = Object.entries(config.irc).map(([name, { channels: _channels, ...network }]) => [
    name,
    network,
  ]);
  const { level: _level, ...log } = config.log;
  const { enabled, host, port } = config.http;
  const fixed = { ...rest, irc: Object.fromEntries(irc), log, http: { enabled, host, port } };
  if (!config.twitch) return fixed;
  const { channels: _channels, ...twitch } = config.twitch;
  return { ...fixed, twitch };
}

function changedPaths(before: unknown, after: unknown, path: string[]): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isMapping(before) || !isMapping(after)) return [formatPath(path)];
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => changedPaths(before[key], after[key], [...path, key]));
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
