/**
 * The HTTP side of a recorder: health, status and metrics for everybody, the API where somebody has something to ask, and
 * `state/run.json`, by which commands of this machine find it.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Config } from '../config/schema.ts';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { DecisionLog } from '../privacy/decision-log.ts';
import type { ChannelRecord } from '../recording/channel-record.ts';
import type { Spool } from '../spool.ts';
import type { ApiContext } from './api-context.ts';
import { healthOf } from './build-status.ts';
import { serveHttp } from './http-server.ts';
import type { Scrape } from './metrics.ts';
import { RunFileWriter } from './run-file-writer.ts';
import type { StatusReport } from './status.ts';
import { newToken } from './tokens/token-store.ts';

export interface RecorderHttpOptions {
  spool: Spool;
  version: string;
  http: Config['http'];
  status: () => StatusReport;
  records: () => Iterable<ChannelRecord>;
  decisions: DecisionLog;
  hasIndex: boolean;
  context: Omit<ApiContext, 'localToken'>;
  log: Logger;
}

export interface RecorderHttp {
  /** Serves until aborted. Never rejects for want of a port. */
  run(signal: AbortSignal): Promise<void>;
  /** After `run` has ended. */
  close(): Promise<void>;
}

/** So long the first request waits for the archive, to hear what it knows of people's wishes. */
const DECISIONS_TIMEOUT_MS = 5_000;

/** Says in `state/run.json` that the process runs. */
export async function openRecorderHttp(options: RecorderHttpOptions): Promise<RecorderHttp> {
  const { spool, version, http, status, records, decisions, hasIndex, context, log } = options;
  const localToken = newToken();
  const runFile = new RunFileWriter(spool, version, localToken);
  const eventLoopDelay = monitorEventLoopDelay({ resolution: 20 });
  eventLoopDelay.enable();
  let metrics: Promise<Scrape> | undefined;
  // Where nobody scrapes, nothing of it is held in memory.
  const scrape: Scrape = async () => {
    metrics ??= import('./metrics.ts').then((module) =>
      module.createMetrics({ status, records, eventLoopDelay }),
    );
    return (await metrics)();
  };
  const announce = (url: string | null) =>
    runFile
      .write(url)
      .catch((error: unknown) => log.warn({ err: errorText(error) }, 'cannot write state/run.json'));
  await announce(null);

  const run = async (signal: AbortSignal): Promise<void> => {
    if (!http.enabled) return;
    const loadApi = async () => {
      // Nothing of the index is served before it is known what must not be.
      if (hasIndex)
        await decisions.demandKnown(AbortSignal.any([signal, AbortSignal.timeout(DECISIONS_TIMEOUT_MS)]));
      const api = await import('./load-api.ts');
      return api.loadApi({ ...context, localToken });
    };
    const { host, port } = http;
    await serveHttp(
      {
        ...{ host, port, status, scrape, loadApi, log },
        health: () => healthOf(status()),
        // Without an index there is the live feed, and what commands, which bring a token, ask for.
        isForApi: ({ headers, url }) =>
          hasIndex || headers.authorization !== undefined || /^\/api\/live(?:[/?]|$)/.test(url ?? ''),
        onListening: (url) => {
          log.info({ url }, `listening on ${url}`);
          void announce(url);
        },
      },
      signal,
    );
  };
  return {
    run,
    async close() {
      eventLoopDelay.disable();
      await runFile.remove();
    },
  };
}
