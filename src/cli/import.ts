/** `chatlog import`: old logs into the archive. */
import { FORMATS } from '../archive/import/detect-format.ts';
import { type ImportProgress, importArchive } from '../archive/import/import-archive.ts';
import type { ImportSettings } from '../archive/import/import-format.ts';
import { LocalZone } from '../archive/import/local-zone.ts';
import { dayIn } from '../archive/import/log-clock.ts';
import { type ImportPlan, type ImportRequest, planImport } from '../archive/import/plan-import.ts';
import { Rejects } from '../archive/import/rejects.ts';
import { RECORD_FORMAT_VERSION } from '../event.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { gateOf, readDecisions } from '../privacy/read-decisions.ts';
import { type ArchiveOptions, openArchiveOf } from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { formatBytes, formatDuration } from './format.ts';
import { type ImportOutcome, printImport, printPlan, printProblems } from './import-report.ts';
import { ProgressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

export interface ImportCommandOptions extends ArchiveOptions {
  format?: string;
  platform?: string;
  channel?: string;
  timezone?: string;
  date?: string;
  dryRun?: boolean;
  rejects: string;
  strict?: boolean;
  quiet?: boolean;
  json?: boolean;
}

/** Fails where it was stopped or, with `--strict`, where something could not be imported. */
export async function importCommand(
  sources: string[],
  options: ImportCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const parsed = parseRequest(sources, options);
  if ('problems' in parsed) {
    for (const problem of parsed.problems) terminal.err(problem);
    return EXIT.usage;
  }
  const { dryRun = false, json = false, strict = false } = options;
  using archive = await openArchiveOf(options, terminal, 'create');
  if (!archive) return EXIT.usage;
  const stop = new AbortController();
  const stopped = new ChatlogError('stopped', 'stopped');
  const removeSignals = onSignals({ stop: () => stop.abort(stopped), reload() {} });
  const line = new ProgressLine(terminal, { isQuiet: json || options.quiet === true });
  try {
    const onFile = (files: number) => line.show(() => `looked at ${files} files`);
    const plan = await planImport(parsed.request, stop.signal, onFile);
    line.clear();
    if (!json) printPlan(plan, terminal);
    if (!mayBegin(plan, terminal)) return EXIT.usage;
    const startedMs = performance.now();
    const { config, store } = archive;
    const decisions = () => readDecisions({ store, dataDir: config?.data_dir }, stop.signal);
    const decided = await decisions();
    const known = new Set(decided.map(({ id }) => id));
    const report = await importArchive(
      {
        ...parsed.request,
        store,
        privacy: gateOf(decided),
        decidedSince: async () => (await decisions()).filter(({ id }) => !known.has(id)),
        origin: { formatVersion: RECORD_FORMAT_VERSION, instance: config?.instance ?? '' },
        level: config?.recorder.compression_level,
        dryRun,
        rejects: parsed.rejects,
        now: Date.now,
        onProgress: (progress) => line.show((seconds) => progressText(progress, plan, seconds)),
      },
      stop.signal,
    );
    line.clear();
    const seconds = (performance.now() - startedMs) / 1000;
    const outcome: ImportOutcome = {
      plan,
      report,
      rejects: parsed.rejects,
      dryRun,
      seconds,
      archive: store.name,
    };
    printImport(outcome, terminal, json);
    return strict && report.rejects > 0 ? EXIT.failed : EXIT.ok;
  } catch (error) {
    line.clear();
    if (error instanceof ChatlogError && error.code === 'import_source_missing') {
      terminal.err(error.message);
      return EXIT.usage;
    }
    if (error !== stopped) throw error;
    terminal.err('Stopped. What was put stays in the archive: the same command goes on from there.');
    return EXIT.failed;
  } finally {
    line.clear();
    removeSignals();
    await parsed.rejects.close();
  }
}

interface ParsedRequest {
  request: ImportRequest;
  rejects: Rejects;
}

/** Everything that is wrong with the options at once, or what is asked for. */
function parseRequest(
  paths: string[],
  { format: name, platform, channel, timezone, date, rejects }: ImportCommandOptions,
): ParsedRequest | { problems: string[] } {
  const problems: string[] = [];
  const wrong = (option: string, should: string, text: string) =>
    problems.push(`${option} should be ${should}, found "${escapeControl(text)}"`);
  const format = FORMATS.find((each) => each.name === name);
  const zone = timezone === undefined ? undefined : LocalZone.of(timezone);
  const dayMs = date !== undefined && /^\d{4}-\d\d-\d\d$/.test(date) ? dayIn(date) : undefined;
  const names = FORMATS.map((each) => each.name).join(', ');
  if (name !== undefined && !format) wrong('--format', `one of ${names}`, name);
  if (platform !== undefined && !/^[a-z0-9][a-z0-9.-]*$/.test(platform))
    wrong('--platform', 'twitch, irc-<network> or another name in small letters', platform);
  if (channel === '') wrong('--channel', 'a name', channel);
  if (timezone !== undefined && !zone)
    wrong('--timezone', 'UTC, a name such as Europe/Berlin, or an offset such as +02:00', timezone);
  if (date !== undefined && dayMs === undefined) wrong('--date', 'a day such as 2019-09-15', date);
  if (paths.filter((path) => path === '-').length > 1) problems.push('standard input can be read only once');
  if (problems.length > 0) return { problems };
  const settings: ImportSettings = { platform, channel, zone, dayMs };
  return { request: { paths, settings, format, opened: new Map() }, rejects: new Rejects(rejects) };
}

function mayBegin(plan: ImportPlan, terminal: Terminal): boolean {
  if (plan.problems.length > 0) {
    printProblems(plan.problems, terminal);
    return false;
  }
  if (plan.files > 0) return true;
  terminal.err('There is nothing to import: no file of a known format was found.');
  return false;
}

function progressText(progress: ImportProgress, plan: ImportPlan, seconds: number): string {
  if (progress.phase === 'write') {
    const { doneLines, totalLines, objects } = progress;
    return `sorted; ${share(doneLines, totalLines)} merged into the archive, ${objects} objects put`;
  }
  const { bytes, lines, rejects } = progress;
  const rate = bytes / Math.max(seconds, 0.001);
  const parts = [`read ${formatBytes(bytes)}`, `${lines} messages`];
  if (plan.bytes > 0) parts[0] += ` of ${formatBytes(plan.bytes)} (${share(bytes, plan.bytes)})`;
  if (rejects > 0) parts.push(`${rejects} rejected`);
  parts.push(`${formatBytes(rate)}/s`);
  if (plan.bytes > bytes && bytes > 0) parts.push(`${formatDuration((plan.bytes - bytes) / rate)} left`);
  return parts.join(', ');
}

function share(done: number, total: number): string {
  return total === 0 ? '0 %' : `${Math.floor((100 * done) / total)} %`;
}
