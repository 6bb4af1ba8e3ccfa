import type { Config } from './schema.ts';

/** One channel with every setting decided. */
export interface EffectiveChannel {
  /** `twitch`, `irc-<network>`. */
  platform: string;
  /** As the platform compares names. */
  name: string;
  /** IRC channel key. */
  key?: string;
  /** False where the channel or its whole platform is switched off. */
  enabled: boolean;
  /** Share of messages kept, 0 to 1. */
  samplingRate: number;
  retentionDays: number | 'forever';
  /** Of the objects in storage. */
  objectRetentionDays: number | 'forever';
  /** Names of the pipelines that run before its rows go. */
  pipelines: readonly string[];
  presence: boolean;
}

interface Entry {
  name: string;
  key?: string;
  enabled?: boolean;
  sampling_rate?: number;
  retention_days?: number | 'forever';
  object_retention_days?: number | 'forever';
  pipelines?: readonly string[];
  presence?: boolean;
}

/** Every configured platform with its channels. */
export function resolveChannels(config: Config): Map<string, EffectiveChannel[]> {
  const platforms = new Map<string, EffectiveChannel[]>();
  const { twitch } = config;
  if (twitch) platforms.set('twitch', resolve(config, 'twitch', twitch.enabled, twitch.channels));
  for (const [name, network] of Object.entries(config.irc)) {
    platforms.set(`irc-${name}`, resolve(config, `irc-${name}`, network.enabled, network.channels));
  }
  return platforms;
}

function resolve(
  config: Config,
  platform: string,
  on: boolean,
  entries: readonly Entry[],
): EffectiveChannel[] {
  const { defaults } = config;
  return entries.map((entry) => ({
    platform,
    name: entry.name,
    ...(entry.key === undefined ? {} : { key: entry.key }),
    enabled: on && (entry.enabled ?? defaults.enabled),
    samplingRate: entry.sampling_rate ?? defaults.sampling_rate,
    retentionDays: entry.retention_days ?? defaults.retention_days,
    objectRetentionDays: entry.object_retention_days ?? defaults.object_retention_days,
    pipelines: entry.pipelines ?? defaults.pipelines,
    presence: entry.presence ?? defaults.presence,
  }));
}
