/** `chatlog pull`: gets the archive, or a part of it, into files of one's own. */
import { readCheckpoint } from '../archive/pull/checkpoint.ts';
import { lockFile } from '../archive/pull/lock-file.ts';
import { pullToDirectory, wholeDays } from '../archive/pull/pull-directory.ts';
import { pullToFile } from '../archive/pull/pull-file.ts';
import type { PullOptions } from '../archive/pull/pull-options.ts';
import { pullToStream } from '../archive/pull/pull-stream.ts';
import { channelTitle } from '../archive/pull/selection-title.ts';
import { WorkerPool } from '../archive/scan/worker-pool.ts';
import type { Selection } from '../archive/selection.ts';
import { type Survey, surveyArchive } from '../archive/survey.ts';
import { ChatlogError } from '../lib/errors.ts';
import { isTaken } from '../lib/is-taken.ts';
import { onSignals } from '../lib/on-signals.ts';
import { readDecisions } from '../privacy/read-decisions.ts';
import {
  type ArchiveOptions,
  type OpenedArchive,
  openArchiveOf,
  parseSelection,
  type SelectionOptions,
} from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { ProgressLine, type TransferProgress } from './progress-line.ts';
import { isComplete, type PlannedChannel, printPlan, printPullReport, reportJson } from './pull-report.ts';
import { type PullTarget, pullTarget, type TargetOptions } from './pull-target.ts';
import type { Terminal } from './terminal.ts';
import { isReaderGone, writeStdout } from './write-stdout.ts';

export interface PullCommandOptions extends ArchiveOptions, SelectionOptions, TargetOptions {
  dryRun?: boolean;
  force?: boolean;
  strict?: boolean;
  quiet?: boolean;
  json?: boolean;
}

/** Fails where objects were damaged or missing, files were not overwritten, or it was stopped. */
export async function pullCommand(options: PullCommandOptions, terminal: Terminal): Promise<number> {
  const selected = parseSelection(options, Date.now());
  const target = pullTarget(options, process.stdout.isTTY === true);
  const problems = [selected, target].flatMap((parsed) => ('problems' in parsed ? parsed.problems : []));
  if ('problems' in selected || 'problems' in target || (options.json && target.kind === 'stdout')) {
    if (options.json && !('problems' in target) && target.kind === 'stdout')
      problems.push('--json prints the summary to standard output: it goes with --output DIR or FILE');
    for (const problem of problems) terminal.err(problem);
    return EXIT.usage;
  }
  using archive = await openArchiveOf(options, terminal);
  if (!archive) return EXIT.usage;
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  const run = new PullRun({ options, target, archive, terminal, signal: stop.signal });
  try {
    return await run.run(selected.selection);
  } catch (error) {
    if (isReaderGone(error)) return EXIT.ok;
    if (!stop.signal.aborted) throw error;
    const goesOn = target.kind !== 'stdout' && !options.dryRun;
    run.line.clear();
    terminal.err(`Stopped.${goesOn ? ' The same command goes on from there.' : ''}`);
    return EXIT.failed;
  } finally {
    run.line.clear();
    stop.abort(new ChatlogError('stopped', 'stopped'));
    removeSignals();
  }
}

interface RunOptions {
  options: PullCommandOptions;
  target: PullTarget;
  archive: OpenedArchive;
  terminal: Terminal;
  signal: AbortSignal;
}

class PullRun {
  readonly line: ProgressLine;
  readonly #run: RunOptions;
  readonly #progress: TransferProgress = {
    ...{ doneBytes: 0, doneObjects: 0, totalBytes: undefined, totalObjects: undefined },
  };

  constructor(run: RunOptions) {
    this.#run = run;
    const { json = false, quiet = false } = run.options;
    // Nothing is written over among the lines themselves.
    const isAmongLines = run.target.kind === 'stdout' && process.stdout.isTTY === true;
    this.line = new ProgressLine(run.terminal, { isQuiet: json || quiet || isAmongLines });
  }

  async run(asked: Selection): Promise<number> {
    const startedMs = performance.now();
    const { options, target, archive, terminal, signal } = this.#run;
    const { store, config } = archive;
    await using _lock = target.kind === 'file' && !options.dryRun ? await lockFile(target.path) : undefined;
    if (target.kind === 'file' && isTaken(target.path) && !options.force)
      throw new ChatlogError('file_exists', `${target.path} is there already`, {
        hint: 'Choose another file, or overwrite it with --force.',
      });
    const checkpoint = target.kind === 'file' ? await this.#checkpoint() : undefined;
    const selection = checkpoint ? { ...asked, fromMs: checkpoint.fromMs, toMs: checkpoint.toMs } : asked;
    const surveyed = target.kind === 'directory' ? wholeDays(selection) : selection;
    const survey = await surveyArchive(store, surveyed, signal, (objects) =>
      this.line.show(() => `${objects} objects found`),
    );
    if (survey.objects === 0) return this.#nothing();
    if (options.dryRun) return this.#plan(survey);
    const decisions = await readDecisions({ store, dataDir: config?.data_dir }, signal);
    await using pool = new WorkerPool({ decisions });
    const pulling: PullOptions = {
      ...{ store, pool, selection, survey, decisions, signal },
      ...{ format: target.format, compress: target.compress },
      ...{ isForced: options.force === true, isStrict: options.strict === true },
      ...this.#reporting(survey),
    };
    const asWritten = { asked: this.#asked(), checkpoint, path: target.path };
    const result =
      target.kind === 'directory'
        ? await pullToDirectory(pulling, target.path)
        : target.kind === 'file'
          ? await pullToFile(pulling, asWritten)
          : await pullToStream(pulling, writeStdout);
    this.line.clear();
    const seconds = (performance.now() - startedMs) / 1000;
    const report = { target, survey, result, seconds };
    if (options.json) terminal.out(JSON.stringify(reportJson(report), null, 2));
    else if (!options.quiet || !isComplete(result)) printPullReport(report, terminal);
    return isComplete(result) ? EXIT.ok : EXIT.failed;
  }

  /** Of an earlier run of the same command. */
  async #checkpoint() {
    const { target, terminal } = this.#run;
    const checkpoint = await readCheckpoint(target.path);
    if (!checkpoint || checkpoint.asked === this.#asked()) return checkpoint;
    terminal.err(`What ${target.path}.part holds was asked for otherwise: begins anew.`);
    return undefined;
  }

  /** What makes it the same command. */
  #asked(): string {
    const { options, target } = this.#run;
    const { archive, config, platform, channel, since, until, last, user } = options;
    const place = archive ?? { config };
    return JSON.stringify([
      place,
      { platform, channel, since, until, last, user },
      target.format,
      target.compress,
    ]);
  }

  #reporting({ objects, bytes }: Survey): Pick<PullOptions, 'onBytes' | 'onObjects' | 'say'> {
    const progress = this.#progress;
    progress.totalObjects = objects;
    progress.totalBytes = bytes;
    const show = () => this.line.showTransfer(progress);
    return {
      onBytes: (count) => {
        progress.doneBytes += count;
        show();
      },
      onObjects: (count) => {
        progress.doneObjects += count;
        show();
      },
      say: (text) => {
        this.line.clear();
        if (!this.#run.options.quiet) this.#run.terminal.err(text);
      },
    };
  }

  #nothing(): number {
    const { archive, options, terminal } = this.#run;
    this.line.clear();
    if (options.json) terminal.out(JSON.stringify({ objects: 0 }));
    terminal.err(`${archive.store.name} has nothing of that; no file was written.`);
    return EXIT.ok;
  }

  async #plan(survey: Survey): Promise<number> {
    const { options, target, terminal } = this.#run;
    const channels = await plannedChannels(survey);
    this.line.clear();
    if (options.json) {
      const { objects, bytes } = survey;
      terminal.out(JSON.stringify({ objects, bytes, channels }, null, 2));
    } else printPlan({ target, survey, channels }, terminal);
    return EXIT.ok;
  }
}

async function plannedChannels(survey: Survey): Promise<PlannedChannel[]> {
  const planned = new Map<string, PlannedChannel>();
  for await (const { segments } of survey.days()) {
    for (const [path, ofChannel] of Map.groupBy(segments, (it) => `${it.platform}/${it.channel}`)) {
      const channel = planned.get(path) ?? { channel: channelTitle(path), days: 0, objects: 0, bytes: 0 };
      planned.set(path, channel);
      channel.days++;
      channel.objects += ofChannel.length;
      for (const { bytes } of ofChannel) channel.bytes += bytes;
    }
  }
  return [...planned.values()].sort((a, b) => b.bytes - a.bytes);
}
