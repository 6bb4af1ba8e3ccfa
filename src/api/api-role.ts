/**
 * The API alone (`chatlog api`): answers from a PostgreSQL that a recorder elsewhere fills, and from the archive. It needs
 * nothing of its own disk, and there may be any number of them. Channels cannot be changed here.
 */

import { LiveConfig } from '../config/live-config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { indexDatabase } from '../index/index-database.ts';
import { systemClock } from '../lib/clock.ts';
import type { AppLogger } from '../lib/create-logger.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { onSignals } from '../lib/on-signals.ts';
import { DecisionLog } from '../privacy/decision-log.ts';
import { decisionArchive, decisionTable } from '../privacy/decision-places.ts';
import { createObjectStore } from '../storage/create-object-store.ts';
import { type HealthReport, serveHttp } from './http-server.ts';
import { loadApi } from './load-api.ts';

export interface ApiRoleOptions {
  configFile: string;
  loaded: LoadedConfig;
  log: AppLogger;
  version: string;
}

const CHECK_EVERY_MS = 10_000;
const CHECK_TIMEOUT_MS = 5_000;

/** Serves until told to stop. Returns the exit code. Throws `database_url_missing`. */
export async function runApi({ configFile, loaded, log, version }: ApiRoleOptions): Promise<number> {
  if (loaded.config.database_url === undefined)
    throw new ChatlogError('database_url_missing', 'the API on its own needs a "database_url"', {
      hint: 'The embedded database belongs to the process that records: "chatlog run" serves the API, too.',
    });
  await using live = new LiveConfig(loaded, log);
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: (signal) => {
      log.info({ signal }, 'stopping');
      stop.abort(new ChatlogError('stopping', 'chatlog is stopping'));
    },
    reload: () => void live.reloadBySignal(),
  });
  live.follow(configFile, () => log.info({}, 'the configuration has changed and is in effect'));

  const { now } = systemClock;
  const { config } = loaded;
  const store = createObjectStore(config, log);
  await using database = indexDatabase(config, log).database;
  const startedMs = now();
  let problem: string | undefined = 'it is being opened';
  const check = async () => {
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]);
    await database
      .read((session) => session.query('SELECT 1 FROM index_meta LIMIT 1'), { signal })
      .then(
        () => {
          problem = undefined;
        },
        (error: unknown) => {
          problem = errorText(error);
        },
      );
  };
  const checking = setInterval(() => void check(), CHECK_EVERY_MS);
  void check();
  const health = (): HealthReport => ({
    version,
    uptimeSeconds: Math.round((now() - startedMs) / 1000),
    healthy: problem === undefined,
    ready: problem === undefined,
    components: { database: { ok: problem === undefined, detail: problem ?? database.name } },
  });
  const decisions = new DecisionLog({ places: [decisionTable(database), decisionArchive(store)], log, now });
  const context = { config: () => live.config, store, database, privacy: decisions.gate, log, now };
  const deciding = decisions.run(stop.signal);
  /** Nothing is served before it is known what must not be. */
  const load = async () => {
    await decisions.demandKnown(AbortSignal.any([stop.signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]));
    return loadApi({ ...context, recorder: undefined });
  };
  const { host, port } = config.http;
  const onListening = (url: string) => log.info({ url, database: database.name }, `listening on ${url}`);
  await serveHttp({ host, port, health, log, onListening, loadApi: load }, stop.signal);
  clearInterval(checking);
  await deciding;
  store.close();
  removeSignals();
  log.info({}, 'stopped');
  log.flush();
  return 0;
}
