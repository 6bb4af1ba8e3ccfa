/** `chatlog compact`: the hours of finished days become one object for each channel and day. */
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CompactReport,
  compactArchive,
  type DayReport,
  planCompaction,
} from '../archive/compact/compact-archive.ts';
import type { ChannelDay, CompactTools } from '../archive/compact/compact-tools.ts';
import { renewManifest } from '../archive/compact/renew-manifest.ts';
import { dayText } from '../archive/manifest/manifest-key.ts';
import { WorkerPool } from '../archive/scan/worker-pool.ts';
import type { Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { parseDuration } from '../lib/parse-time.ts';
import { readDecisions } from '../privacy/read-decisions.ts';
import { decodeName } from '../segment-name.ts';
import {
  type ArchiveOptions,
  openArchiveOf,
  parseSelection,
  type SelectionOptions,
} from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes } from './format.ts';
import { ProgressLine, type TransferProgress } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

export interface CompactCommandOptions extends ArchiveOptions, SelectionOptions {
  olderThan: string;
  level?: string;
  parquet?: boolean;
  keepSources?: boolean;
  dryRun?: boolean;
  quiet?: boolean;
  json?: boolean;
}

const DAY_MS = 86_400_000;
const LEVEL_MAX = 22;

/** Fails where a day could not be compacted, or where it was stopped. */
export async function compactCommand(options: CompactCommandOptions, terminal: Terminal): Promise<number> {
  const nowMs = Date.now();
  const parsed = parseSelection(options, nowMs);
  const problems = 'problems' in parsed ? parsed.problems : [];
  const olderThanMs = parseDuration(options.olderThan);
  if (olderThanMs === undefined)
    problems.push(
      `--older-than should be a duration such as 2d or 36h, found "${escapeControl(options.olderThan)}"`,
    );
  const level = options.level === undefined ? undefined : Number(options.level);
  if (level !== undefined && !(Number.isInteger(level) && level >= 1 && level <= LEVEL_MAX))
    problems.push(
      `--level should be a number from 1 to ${LEVEL_MAX}, found "${escapeControl(options.level!)}"`,
    );
  if (problems.length > 0 || 'problems' in parsed) {
    for (const problem of problems) terminal.err(problem);
    return EXIT.usage;
  }
  const { dryRun = false, json = false } = options;
  using archive = await openArchiveOf(options, terminal, dryRun ? 'read' : 'write');
  if (!archive) return EXIT.usage;
  const { store, config } = archive;
  const stop = new AbortController();
  const removeSignals = onSignals({
    stop: () => stop.abort(new ChatlogError('stopped', 'stopped')),
    reload() {},
  });
  const { signal } = stop;
  const line = new ProgressLine(terminal, { isQuiet: json || dryRun || options.quiet === true });
  const scratch = dryRun ? '' : await makeScratch(config);
  // Copies are cut and sorted by one thread while another compresses: more would only take memory.
  await using pool = new WorkerPool({ size: 1 });
  try {
    const what = {
      selection: parsed.selection,
      endedBeforeMs: nowMs - olderThanMs!,
      parquet: options.parquet ?? false,
      keepSources: options.keepSources ?? false,
      dryRun,
    };
    const total = await planCompaction(what, { store, signal });
    const progress = new CompactProgress(total);
    const show = () => line.showTransfer(progress);
    const tools: CompactTools = {
      ...{ store, pool, scratch, level, signal },
      decisions: () => readDecisions({ store, dataDir: config?.data_dir }, signal),
      onMerged: (day, bytes) => {
        progress.merged(day, bytes);
        show();
      },
    };
    const report = await compactArchive(
      {
        ...what,
        onMade: (day, made, gone) => renewManifest(day, made, gone, { store, scratch, signal }),
        onDay: (day) => {
          progress.through(day);
          line.clear();
          if (!json && day.outcome !== 'unchanged') printDay(day, terminal);
          show();
        },
      },
      tools,
    );
    line.clear();
    if (json) terminal.out(JSON.stringify({ archive: store.name, dryRun, ...report }, null, 2));
    else printSummary(report, { dryRun, olderThan: options.olderThan }, terminal);
    const isDone = !report.stopped && report.days.every(({ outcome }) => outcome !== 'failed');
    return isDone ? EXIT.ok : EXIT.failed;
  } finally {
    line.clear();
    removeSignals();
    if (scratch !== '') await rm(scratch, { recursive: true, force: true });
  }
}

/** In stored bytes of what is to be merged. A day that is through counts as a whole, however much of it was merged. */
class CompactProgress implements TransferProgress {
  doneBytes = 0;
  doneObjects = 0;
  readonly totalBytes: number;
  readonly totalObjects: number;
  readonly #merged = new Map<string, number>();

  constructor({ bytes, objects }: { bytes: number; objects: number }) {
    this.totalBytes = bytes;
    this.totalObjects = objects;
  }

  merged({ platform, channel, startMs }: ChannelDay, bytes: number): void {
    const name = `${dayText(startMs)} ${decodeName(platform) ?? platform}/${decodeName(channel) ?? channel}`;
    this.#merged.set(name, (this.#merged.get(name) ?? 0) + bytes);
    this.doneBytes += bytes;
  }

  through({ day, platform, channel, outcome, objectsBefore, bytesBefore }: DayReport): void {
    if (outcome === 'unchanged') return;
    const name = `${day} ${platform}/${channel}`;
    this.doneBytes += bytesBefore - (this.#merged.get(name) ?? 0);
    this.doneObjects += objectsBefore;
    this.#merged.delete(name);
  }
}

/** Beside what is recorded, where there is disk; in the system's directory for temporary files where nothing is configured. */
async function makeScratch(config: Config | undefined): Promise<string> {
  if (!config) return mkdtemp(join(tmpdir(), 'chatlog-compact-'));
  const directory = join(config.data_dir, 'compact');
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory)) {
    const stats = await stat(join(directory, name)).catch(() => undefined);
    // Of a run that was killed.
    if (stats && Date.now() - stats.mtimeMs > DAY_MS)
      await rm(join(directory, name), { recursive: true, force: true });
  }
  return mkdtemp(join(directory, 'run-'));
}

function printDay(report: DayReport, terminal: Terminal): void {
  const { day, platform, channel, outcome, objectsBefore, bytesBefore, error } = report;
  const name = escapeControl(`${day}  ${platform}/${channel}`);
  const before = `${count(objectsBefore, 'object')}, ${formatBytes(bytesBefore)}`;
  if (outcome === 'failed') {
    terminal.err(`${name}: ${escapeControl(error?.message ?? '')}`);
    if (error?.hint) terminal.err(`    ${error.hint}`);
    return;
  }
  if (outcome === 'would compact') {
    terminal.out(`${name}: ${before} would become one object`);
    return;
  }
  const { bytes = 0, lines = 0, duplicates = 0, unreadable = 0, parquet, changed = [] } = report;
  const notes = [
    ...(lines > 0 ? [`${(bytes / lines).toFixed(1)} bytes a line`] : []),
    ...(duplicates > 0 ? [`${duplicates} doubled lines left out`] : []),
    ...(unreadable > 0 ? [`${unreadable} lines that are no events kept`] : []),
    ...(parquet ? [`Parquet ${formatBytes(parquet.bytes)}`] : []),
    ...(changed.length > 0
      ? [`${count(changed.length, 'object')} changed meanwhile and stay for the next run`]
      : []),
  ];
  terminal.out(`${name}: ${before} -> ${formatBytes(bytes)} (${notes.join(', ')})`);
}

function printSummary(
  report: CompactReport,
  { dryRun, olderThan }: { dryRun: boolean; olderThan: string },
  terminal: Terminal,
): void {
  const of = (outcome: DayReport['outcome']) => report.days.filter((day) => day.outcome === outcome);
  const done = of(dryRun ? 'would compact' : 'compacted');
  const sum = (days: readonly DayReport[], value: (day: DayReport) => number | undefined) =>
    days.reduce((total, day) => total + (value(day) ?? 0), 0);
  const before = sum(done, ({ bytesBefore }) => bytesBefore);
  const after = sum(done, ({ bytes }) => bytes);
  const objects = sum(done, ({ objectsBefore }) => objectsBefore);
  const days = count(done.length, 'channel day');
  if (done.length === 0) terminal.out(dryRun ? 'nothing would be compacted' : 'nothing was compacted');
  else if (dryRun)
    terminal.out(`${days} would be compacted: ${count(objects, 'object')}, ${formatBytes(before)}`);
  else
    terminal.out(
      `${days} compacted: ${count(objects, 'object')}, ${formatBytes(before)} -> ${formatBytes(after)}`,
    );
  const unchanged = of('unchanged').length;
  if (unchanged > 0) terminal.out(`${count(unchanged, 'channel day')} compact already`);
  if (report.waiting > 0)
    terminal.out(
      `${count(report.waiting, 'channel day')} not over for ${olderThan} yet (--older-than): what comes late comes until then`,
    );
  const failed = of('failed').length;
  if (failed > 0)
    terminal.err(
      `${count(failed, 'channel day')} could not be compacted; nothing of them was changed. See above.`,
    );
  if (report.stopped) terminal.err('stopped; what is done stays, the next run goes on');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
