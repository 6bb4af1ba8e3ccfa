/** Puts a configuration into effect in a recorder that runs. */
import { diffConfig } from './config/config-diff.ts';
import { resolveChannels } from './config/resolve-channels.ts';
import type { Config } from './config/schema.ts';
import type { Connector } from './connectors/connector.ts';
import type { AppLogger } from './lib/create-logger.ts';
import type { Recorder } from './recording/recorder.ts';
import { recordingPolicies } from './recording/recording-policy.ts';

/** Tells every connector which channels are to be recorded. `rejoin` is left and joined again. */
export function setChannels(
  connectors: readonly Connector[],
  config: Config,
  log: AppLogger,
  rejoin?: { platform: string; name: string },
): void {
  const platforms = resolveChannels(config);
  const channels = [...platforms.values()].flat().filter(({ enabled }) => enabled);
  if (channels.length === 0) log.warn({}, 'no channels are configured: nothing is recorded');
  for (const connector of connectors) {
    const own = platforms.get(connector.platform) ?? [];
    const wanted = own.filter(({ enabled }) => enabled).map(({ name, key }) => ({ name, key }));
    connector.setChannels(wanted, connector.platform === rejoin?.platform ? rejoin.name : undefined);
  }
}

/** What differs, and what of it needs a restart, is said in the log. */
export function applyConfig(
  before: Config,
  after: Config,
  { connectors, recorder, log }: { connectors: readonly Connector[]; recorder: Recorder; log: AppLogger },
): void {
  const diff = diffConfig(before, after);
  if (diff.recordingChanged || diff.channelsChanged) recorder.setPolicies(recordingPolicies(after));
  if (diff.channelsChanged) setChannels(connectors, after, log);
  // Whoever changes the level sees what became of the change, whichever level it was and is.
  if (diff.logLevelChanged) log.setLevel('info');
  log.info({ ...diff }, 'the configuration has changed and is in effect');
  if (diff.needsRestart.length > 0) {
    log.warn({ keys: diff.needsRestart }, `these changes need a restart: ${diff.needsRestart.join(', ')}`);
  }
  if (diff.logLevelChanged) log.setLevel(after.log.level);
}
