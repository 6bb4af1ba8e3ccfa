/** `chatlog index`: brings what is missing into the index, or everything anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { IndexJobAnswer, IndexRequestBody } from '../api/routes/admin-index.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { Indexer, IndexProgress, IndexRequest } from '../index/indexer.ts';
import { ChatlogError } from '../lib/errors.ts';
import { onSignals } from '../lib/on-signals.ts';
import { EXIT } from './exit-code.ts';
import { indexSummary, progressText } from './index-progress.ts';
import { askInstance } from './local-admin.ts';
import { openConfig } from './open-config.ts';
import { ProgressLine } from './progress-line.ts';
import { runningInstance } from './running-instance.ts';
import type { Terminal } from './terminal.ts';
import { withIndexer } from './with-indexer.ts';

export interface IndexOptions {
  config: string;
  watch?: boolean;
  rebuild?: boolean;
  /** With `rebuild`: also where days wait for maintenance. */
  force?: boolean;
  /** Days or times as people write them. */
  from?: string;
  to?: string;
  channel?: string;
  platform?: string;
  json?: boolean;
}

/** How often a running instance is asked how far it is. */
const ASK_MS = 500;
const DAY_MS = 86_400_000;

/** Fails where something could not be indexed. */
export async function indexSegments(options: IndexOptions, terminal: Terminal): Promise<number> {
  const request = requestOf(options);
  if ('problem' in request) {
    terminal.err(request.problem);
    return EXIT.usage;
  }
  const loaded = await openConfig(options.config, terminal);
  if (!loaded) return EXIT.usage;
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  try {
    const isElsewhere =
      loaded.config.database_url === undefined &&
      (await runningInstance(loaded.config.data_dir)) !== undefined;
    if (options.watch) return await watch(loaded, isElsewhere, terminal, stop.signal);
    return await indexOnce(
      loaded,
      { request, isElsewhere, isJson: options.json === true },
      terminal,
      stop.signal,
    );
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    terminal.err('Stopped. What was loaded stays; the same command goes on from there.');
    return EXIT.failed;
  } finally {
    removeSignals();
  }
}

/** The embedded database belongs to the running instance, which follows by itself. */
async function watch(
  loaded: LoadedConfig,
  isElsewhere: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  if (isElsewhere)
    throw new ChatlogError(
      'index_in_use',
      'the running chatlog has the embedded index, and follows by itself',
      {
        hint: 'Set a "database_url" to index in a process of its own.',
      },
    );
  await withIndexer(loaded, async (indexer, { database }) => {
    terminal.err(`Indexing into ${database.name} until stopped.`);
    await indexer.run(signal);
  });
  return EXIT.ok;
}

async function indexOnce(
  loaded: LoadedConfig,
  { request, isElsewhere, isJson }: { request: IndexRequest; isElsewhere: boolean; isJson: boolean },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const startedMs = performance.now();
  const line = new ProgressLine(terminal, { isQuiet: isJson });
  const onProgress = (progress: IndexProgress) => line.show((seconds) => progressText(progress, seconds));
  const done = isElsewhere
    ? await indexThere(loaded, request, onProgress, signal)
    : await withIndexer(loaded, (indexer: Indexer) => indexer.indexOnce(request, signal, onProgress));
  line.clear();
  const seconds = (performance.now() - startedMs) / 1000;
  if (isJson) terminal.out(JSON.stringify({ ...done, seconds }, null, 2));
  else terminal.out(indexSummary(done, seconds));
  return done.failed + done.refusedFiles > 0 ? EXIT.failed : EXIT.ok;
}

/** Has the running instance do it, and waits. */
async function indexThere(
  { config }: LoadedConfig,
  { rebuild, force, fromMs, toMs, platform, channel }: IndexRequest,
  onProgress: (progress: IndexProgress) => void,
  signal: AbortSignal,
): Promise<IndexProgress> {
  const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  const body: IndexRequestBody = { rebuild, force, from: iso(fromMs), to: iso(toMs), platform, channel };
  const ask = async (method: 'GET' | 'POST') => {
    const answer = await askInstance(
      config,
      method,
      '/api/admin/index',
      method === 'POST' ? body : undefined,
    );
    if (!answer) throw new ChatlogError('instance_gone', 'the running chatlog ended; run the command again');
    return answer.body;
  };
  await ask('POST');
  for (;;) {
    await sleep(ASK_MS, undefined, { signal });
    const { job } = (await ask('GET')) as { job: IndexJobAnswer };
    const progress = job.progress && { ...job.progress, total: job.progress.total };
    if (progress) onProgress(progress);
    if (job.state === 'failed') throw new ChatlogError('indexing_failed', job.error ?? 'indexing failed');
    if (job.state === 'done' && progress) return progress;
  }
}

function requestOf(options: IndexOptions): IndexRequest | { problem: string } {
  const { rebuild, force, from, to, channel, platform, watch: isWatch } = options;
  const times = { from: timeOf(from, 0), to: timeOf(to, DAY_MS - 1) };
  for (const [name, ms] of Object.entries(times))
    if (Number.isNaN(ms))
      return { problem: `--${name} should be a day (2026-11-21) or a time (2026-11-21T13:00:00Z)` };
  const { from: fromMs, to: toMs } = times;
  if (fromMs !== undefined && toMs !== undefined && toMs < fromMs)
    return { problem: '--to lies before --from' };
  const isPart = [rebuild, from, to, channel, platform].some(
    (value) => value !== undefined && value !== false,
  );
  if (isWatch && isPart) return { problem: '--watch follows everything: it goes with no other choice' };
  if (force && !rebuild) return { problem: '--force goes with --rebuild' };
  return { rebuild: rebuild === true, force: force === true, fromMs, toMs, platform, channel };
}

/** A day without a time means its beginning, or so much later. NaN where it is neither. */
function timeOf(text: string | undefined, afterDayMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return Date.parse(`${text}T00:00:00Z`) + afterDayMs;
  return /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
}
