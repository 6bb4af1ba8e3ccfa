/**
 * The only wiring: which stage is made of what, in which order they start and stop. Read it and you have the map.
 *
 * Start: lock the data directory, move aside what a dead process left, read back the last ids, then recorder,
 * connectors, uploader and HTTP side by side; recovery of leftovers goes on in the background. Index and API follow what
 * is recorded: nobody waits for them or for their database, and nothing of theirs ends the process.
 * Stop (first SIGTERM or SIGINT): connectors close, the recorder drains, syncs and seals, uploads are broken off (the
 * next start goes on with them); at most {@link STOP_DEADLINE_MS}. A second signal ends the process at once.
 * A task that ends before it was told to is a bug: the process exits with 1, to be started again.
 */
import { createRecorderControl } from './api/recorder-control.ts';
import { openRecorderHttp } from './api/recorder-http.ts';
import { recorderStatus } from './api/recorder-status.ts';
import { applyConfig, setChannels } from './apply-config.ts';
import { runManifestRole } from './archive/manifest/manifest-role.ts';
import { UploadedFacts } from './archive/manifest/uploaded-facts.ts';
import { EventChannel } from './channel/event-channel.ts';
import { LiveFeed } from './channel/live-feed.ts';
import { RecentIdentities } from './channel/recent-identities.ts';
import { LiveConfig } from './config/live-config.ts';
import type { LoadedConfig } from './config/load-config.ts';
import type { Config } from './config/schema.ts';
import type { Connector, ConnectorContext } from './connectors/connector.ts';
import { createConnectors } from './connectors/create-connectors.ts';
import { indexDatabase } from './index/index-database.ts';
import { atMost } from './lib/at-most.ts';
import { systemClock } from './lib/clock.ts';
import type { AppLogger } from './lib/create-logger.ts';
import { ChatlogError, errorText } from './lib/errors.ts';
import { exitProcess } from './lib/exit-process.ts';
import { lockDirectory } from './lib/instance-lock.ts';
import { onSignals } from './lib/on-signals.ts';
import { openPrivacy } from './privacy/open-privacy.ts';
import { CoverageLog } from './recording/coverage-log.ts';
import { loadRecentIdentities, recallIdentities } from './recording/load-recent-identities.ts';
import { Recorder } from './recording/recorder.ts';
import { recordingPolicies } from './recording/recording-policy.ts';
import { recoverSegment, recoverSegments, takeLeftovers } from './recording/recover-segments.ts';
import { systemFileSystem } from './recording/segment-file-system.ts';
import { openSpool } from './spool.ts';
import { createObjectStore } from './storage/create-object-store.ts';
import { createUploader } from './uploading/uploader.ts';

/** fly.io and Docker allow more; a machine that is taken away at once may not. */
const STOP_DEADLINE_MS = 2_800;
/** A part that has not closed by then is left behind: the recorder's turn must come. */
const STOP_PART_MS = 700;
const WATCHDOG_MS = 10_000;
/** A recorder that has not committed for so long, without the disk being the cause, is started anew. */
const RECORDER_STALL_MS = 300_000;

export interface ServiceOptions {
  configFile: string;
  loaded: LoadedConfig;
  log: AppLogger;
  version: string;
  /** What is connected; the platforms of the configuration when left out. */
  createConnectors?: (
    config: Config,
    contextFor: (platform: string) => ConnectorContext,
  ) => Promise<Connector[]>;
}

/** Runs until told to stop. Returns the exit code. Throws a {@link ChatlogError} where it cannot start. */
export async function runService(options: ServiceOptions): Promise<number> {
  const { configFile, loaded, log, version } = options;
  const { config } = loaded;
  const clock = systemClock;
  const stopped = Promise.withResolvers<number>();
  await using live = new LiveConfig(loaded, log);
  // First of all: as a container's first process, one that does not listen yet ignores SIGTERM.
  const removeSignals = onSignals({
    stop: (signal) => {
      log.info({ signal }, 'stopping; a second signal would end it at once');
      stopped.resolve(0);
    },
    reload: () => void live.reloadBySignal(),
  });
  const spool = await openSpool(config.data_dir);
  await using _lock = await lockDirectory(config.data_dir);
  const leftovers = await takeLeftovers(spool);

  const channel = new EventChannel(
    { events: config.recorder.max_buffer_size, bytes: config.recorder.max_buffer_bytes },
    new RecentIdentities(config.recorder.dedupe_size),
  );
  const coverage = new CoverageLog({
    spool,
    channel,
    now: clock.now,
    certainUntilMs: () => recorder.certainUntilMs,
    rotateMinutes: config.recorder.rotate_minutes,
    log,
  });
  await coverage.load();
  const identities = {
    spool,
    coverage,
    channel,
    rotateMinutes: config.recorder.rotate_minutes,
    now: clock.now,
    log,
  };
  await loadRecentIdentities(identities);

  const store = createObjectStore(config, log);
  const { database, isEnabled: hasIndex } = indexDatabase(config, log);
  const uploaded = new UploadedFacts(spool, log);
  const uploader = createUploader({
    spool,
    store,
    config,
    log,
    now: clock.now,
    onUploaded: (segment, signal) => uploaded.note(segment, signal),
    mayDelete: (file) => coverage.hasPassed(file),
  });
  const recovery = { spool, log, onSealed: () => uploader.nudge() };
  const { decisions, forgetter, desk } = await openPrivacy({
    ...{ spool, store, log, now: clock.now, config: () => live.config },
    database: hasIndex ? database : undefined,
    keepers: {
      seal: (files) => recorder.seal(files),
      inHand: (file, work) => uploader.inHand(file, work),
    },
  });
  const feed = new LiveFeed();
  const recorder = new Recorder({
    channel,
    spool,
    config: config.recorder,
    policies: recordingPolicies(config),
    clock,
    fs: systemFileSystem,
    log,
    privacy: decisions.gate,
    live: feed,
    onCommand: (event) => desk.onCommand(event),
    onSealed: () => uploader.nudge(),
    onBroken: (file, goodBytes) =>
      void uploader.inHand(file, () => recoverSegment(file, goodBytes, recovery)),
  });

  let parseFailures = 0;
  const contextFor = (platform: string): ConnectorContext => ({
    sink: channel.sink(platform),
    coverage: coverage.of(platform),
    log: log.child({ platform }),
    recall: async (name, sinceMs, signal) => {
      await recallIdentities({ platform, channel: name, sinceMs }, identities, signal);
    },
    parseFailure: () => parseFailures++,
    now: clock.now,
  });
  const connectors = await (options.createConnectors ?? createConnectors)(config, contextFor);
  setChannels(connectors, config, log);

  const privacy = decisions.gate;
  const shared = { config: () => live.config, store, database, privacy, log, now: clock.now };
  const index = hasIndex
    ? (await import('./index/index-role.ts')).startIndexRole({ ...shared, spool })
    : undefined;
  const retention =
    index &&
    (await import('./index/retention/retention-role.ts')).startRetentionRole({
      ...shared,
      loader: index.loader,
    });

  const status = recorderStatus({
    ...{ version, live, recorder, uploader, connectors, channel, coverage, feed, index, retention },
    parseFailures: () => parseFailures,
    now: clock.now,
  });

  const stopSources = new AbortController();
  const stopRecorder = new AbortController();
  const recorderControl = createRecorderControl({
    configFile,
    connectors,
    reload: () => live.reload(),
    rejoin: (platform, name) => setChannels(connectors, live.config, log, { platform, name }),
  });
  const http = await openRecorderHttp({
    ...{ spool, version, http: config.http, status, decisions, hasIndex, log },
    records: () => recorder.channels,
    context: {
      ...shared,
      recorder: recorderControl,
      privacyDesk: desk,
      live: { feed, spool, certainUntilMs: () => recorder.certainUntilMs },
      index: index?.jobs,
      maintenance: retention,
    },
  });

  const failed = (task: string) => (error?: unknown) => {
    if (stopSources.signal.aborted) return;
    log.error(
      { task, err: error === undefined ? 'it ended' : errorText(error) },
      'a task ended that must not; leaving, to be started again',
    );
    stopped.resolve(1);
  };
  const watch = (task: string, running: Promise<void>): Promise<void> =>
    running.then(() => failed(task)(), failed(task));
  const recording = watch('recorder', recorder.run(stopRecorder.signal));
  const checkpointing = watch('coverage', coverage.run(stopSources.signal));
  const uploading = watch('uploader', uploader.run(stopSources.signal));
  live.follow(configFile, (before, after) => {
    try {
      applyConfig(before, after, { connectors, recorder, log });
    } catch (error) {
      failed('configuration')(error);
    }
  });
  const serving = http.run(stopSources.signal);
  const connecting = connectors.map((connector) =>
    watch(connector.platform, connector.run(stopSources.signal)),
  );
  const indexing = index?.run(stopSources.signal);
  const maintaining = retention?.run(stopSources.signal);
  const deciding = decisions.run(stopSources.signal);
  const { instance } = config;
  const manifests = { uploaded, store, instance, scratch: spool.path('tmp'), log, now: clock.now };
  const listing = runManifestRole(manifests, stopSources.signal);
  // What is being recovered nobody else may touch.
  const forgetting = recoverSegments(leftovers, recovery, stopSources.signal).then(() =>
    forgetter.run(stopSources.signal),
  );
  const watchdog = setInterval(() => {
    const { sinceCommitMs, diskTrouble } = recorder.status();
    if (diskTrouble === undefined && sinceCommitMs > RECORDER_STALL_MS)
      failed('recorder')(new ChatlogError('stalled', 'no commit for five minutes'));
    if (uploader.status().stalled)
      failed('uploader')(new ChatlogError('stalled', 'an upload hangs and does not end'));
  }, WATCHDOG_MS);

  log.info(
    { version, dataDir: config.data_dir, store: store.name, leftovers: leftovers.length },
    `chatlog ${version} records into ${store.name}`,
  );
  const exitCode = await stopped.promise;

  clearInterval(watchdog);
  const deadline = setTimeout(() => {
    log.error(
      { ms: STOP_DEADLINE_MS },
      'could not stop in time; what was not synced is asked for again at the next start',
    );
    log.flush();
    void exitProcess(1, 0);
  }, STOP_DEADLINE_MS);
  stopSources.abort(new ChatlogError('stopping', 'chatlog is stopping'));
  await atMost(STOP_PART_MS, Promise.allSettled(connecting));
  stopRecorder.abort();
  await recording;
  await coverage.save();
  await atMost(
    STOP_PART_MS,
    Promise.allSettled([
      ...[uploading, serving, checkpointing, indexing, deciding, forgetting, maintaining, listing],
    ]),
  );
  await atMost(STOP_PART_MS, Promise.allSettled([database[Symbol.asyncDispose]()]));
  store.close();
  await http.close();
  removeSignals();
  clearTimeout(deadline);
  const { recorded, openFiles } = recorder.status();
  if (openFiles === 0) log.info({ recorded }, 'stopped: everything recorded is sealed on disk');
  else log.warn({ recorded, openFiles }, 'stopped; the next start seals what is left in open/');
  log.flush();
  return exitCode;
}
