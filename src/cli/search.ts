/** `chatlog search`: finds lines in the archive, reading all that the selection leaves. */

import type { LineBatch } from '../archive/scan/line-batch.ts';
import { lineAt, sliceBatch } from '../archive/scan/line-batch.ts';
import { type Findings, Scanner } from '../archive/scan/scanner.ts';
import { WorkerPool } from '../archive/scan/worker-pool.ts';
import { daysBackwards, linesBackwards } from '../archive/search/backwards.ts';
import { withContext } from '../archive/search/context.ts';
import { separateSegments } from '../archive/search/hit-counter.ts';
import { lineChannel } from '../archive/search/line-head.ts';
import { searchLines } from '../archive/search/search-lines.ts';
import { type SelectedDay, type Selection, selectedDays } from '../archive/selection.ts';
import { surveyArchive } from '../archive/survey.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { formatTimestamp } from '../lib/timestamp.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { StoredSegment } from '../storage/read-segment.ts';
import { type ArchiveOptions, openArchiveOf, parseSelection } from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { forTerminal } from './for-terminal.ts';
import { formatBytes } from './format.ts';
import { ProgressLine, type TransferProgress } from './progress-line.ts';
import { linePrinter } from './search-output.ts';
import { type SearchOptions, type SearchRequest, searchRequest } from './search-request.ts';
import { type Terminal, table } from './terminal.ts';
import { writeOutput } from './write-output.ts';

export interface SearchCommandOptions extends ArchiveOptions, SearchOptions {
  quiet?: boolean;
}

/** Fails where nothing was found, or something could not be read. */
export async function search(
  text: string | undefined,
  options: SearchCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const parsed = parseSelection(options, Date.now());
  const request = searchRequest(text, options);
  if ('problems' in parsed || 'problems' in request) {
    const problems = [parsed, request].flatMap((part) => ('problems' in part ? part.problems : []));
    for (const problem of problems) terminal.err(problem);
    return EXIT.usage;
  }
  using archive = await openArchiveOf(options, terminal);
  if (!archive) return EXIT.usage;
  const stop = new AbortController();
  const removeSignals = onSignals({ stop: () => stop.abort(STOPPED), reload() {} });
  const { readDecisions } = await import('../privacy/read-decisions.ts');
  const { store, config } = archive;
  const decisions = await readDecisions({ store, dataDir: config?.data_dir }, stop.signal);
  await using pool = new WorkerPool({ decisions });
  const line = new ProgressLine(terminal, { isQuiet: options.quiet === true || options.json === true });
  const run = new SearchRun(
    { ...{ store, pool, request, options, terminal, line }, selection: parsed.selection },
    stop.signal,
  );
  try {
    const outcome = options.count ? await run.count() : await run.print();
    line.clear();
    if (outcome === 'closed') return EXIT.ok;
    const isWhole = reportFindings(run.findings, terminal);
    if (!options.quiet && !options.json && process.stderr.isTTY) terminal.err(run.summary());
    return run.found > 0 && isWhole ? EXIT.ok : EXIT.failed;
  } catch (error) {
    line.clear();
    if (!stop.signal.aborted) throw error;
    terminal.err(`Stopped.${run.goOn()}`);
    return EXIT.failed;
  } finally {
    removeSignals();
    stop.abort(STOPPED);
  }
}

const STOPPED = new ChatlogError('stopped', 'stopped');

interface SearchParts {
  store: ObjectStore;
  pool: WorkerPool;
  selection: Selection;
  request: SearchRequest;
  options: SearchCommandOptions;
  terminal: Terminal;
  line: ProgressLine;
}

class SearchRun {
  /** Lines. */
  found = 0;
  readonly #parts: SearchParts;
  readonly #signal: AbortSignal;
  readonly #scanner: Scanner;
  readonly #progress: TransferProgress = {
    doneBytes: 0,
    totalBytes: undefined,
    doneObjects: 0,
    totalObjects: undefined,
  };
  readonly #startedMs = performance.now();
  /** Segments whose hits are counted where they are read. */
  readonly #separate = new WeakSet<StoredSegment>();
  #lastMs: number | undefined;

  constructor(parts: SearchParts, signal: AbortSignal) {
    this.#parts = parts;
    this.#signal = signal;
    const { store, pool, selection, request, options } = parts;
    this.#scanner = new Scanner({
      ...{ store, pool, selection, signal, search: request.query },
      isCounted: (segment) => options.count === true && this.#separate.has(segment),
      onFetched: (bytes) => {
        this.#progress.doneBytes += bytes;
      },
      onObject: () => {
        this.#progress.doneObjects++;
        this.#showProgress();
      },
    });
    this.#countObjects();
  }

  get findings(): Findings {
    return this.#scanner.findings;
  }

  async count(): Promise<'written'> {
    const { terminal, options } = this.#parts;
    const counts = new Map<string, number>();
    for await (const { bytes, offsets, times } of this.#hits()) {
      const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      for (const index of times.keys()) {
        const channel = lineChannel(lines, offsets[index]!, offsets[index + 1]! - 1);
        counts.set(channel, (counts.get(channel) ?? 0) + 1);
      }
    }
    for (const [channel, count] of this.findings.counts)
      counts.set(channel, (counts.get(channel) ?? 0) + count);
    this.found = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const sorted = [...counts].sort(([, a], [, b]) => b - a);
    this.#parts.line.clear();
    if (options.json)
      terminal.out(JSON.stringify({ total: this.found, channels: Object.fromEntries(sorted) }));
    else terminal.out(countTable(sorted, this.found, terminal));
    return 'written';
  }

  print(): Promise<'written' | 'closed'> {
    const { request } = this.#parts;
    return writeOutput(request.context > 0 ? this.#groups() : this.#lines(), this.#signal);
  }

  summary(): string {
    const seconds = (performance.now() - this.#startedMs) / 1000;
    const { linesBytes, duplicates } = this.findings;
    const rate = formatBytes(linesBytes / Math.max(seconds, 0.001));
    const copies = duplicates > 0 ? ` (${duplicates} copies left out)` : '';
    return `${this.found} ${this.found === 1 ? 'line' : 'lines'}${copies} found in ${this.#progress.doneObjects} objects, ${formatBytes(linesBytes)} of lines, in ${seconds.toFixed(1)} s (${rate}/s).`;
  }

  /** After it was stopped. */
  goOn(): string {
    const { options } = this.#parts;
    if (this.#lastMs === undefined || options.count || options.reverse) return '';
    return ` What comes after the last line: --since ${formatTimestamp(this.#lastMs)}`;
  }

  async *#lines(): AsyncGenerator<string | Uint8Array> {
    const { request, options, terminal, line: progress } = this.#parts;
    const print = linePrinter(request.query, terminal);
    for await (const batch of this.#limitedHits()) {
      progress.clear();
      if (options.json) yield forTerminal(batch.bytes);
      else yield Array.from(batch.times, (_, index) => `${print(lineAt(batch, index), true)}\n`).join('');
      // Written by then.
      this.#lastMs = batch.times.at(-1);
    }
  }

  async *#groups(): AsyncGenerator<string | Uint8Array> {
    const { store, pool, selection, request, options, terminal, line: progress } = this.#parts;
    const { query, context: lines } = request;
    const print = linePrinter(query, terminal);
    const context = { store, pool, selection, query, lines, signal: this.#signal };
    let isFirst = true;
    for await (const { line, isHit, beginsGroup } of withContext(this.#limitedHits(), context)) {
      progress.clear();
      const separator = beginsGroup && !isFirst ? `${terminal.style('dim', '--')}\n` : '';
      yield options.json ? forTerminal(`${line}\n`) : `${separator}${print(line, isHit)}\n`;
      isFirst = false;
    }
  }

  async *#limitedHits(): AsyncGenerator<LineBatch> {
    const { limit } = this.#parts.request;
    for await (const batch of this.#hits()) {
      const count = Math.min(batch.times.length, limit - this.found);
      this.found += count;
      yield sliceBatch(batch, 0, count);
      if (this.found >= limit) return;
    }
  }

  #hits(): AsyncGenerator<LineBatch> {
    const { store, selection, options } = this.#parts;
    const signal = this.#signal;
    if (!options.reverse) return searchLines(this.#days(), this.#scanner);
    return linesBackwards(daysBackwards(store, selection, signal), this.#scanner);
  }

  async *#days(): AsyncGenerator<SelectedDay> {
    const { store, selection } = this.#parts;
    for await (const day of selectedDays(store, selection, this.#signal)) {
      for (const segment of separateSegments(day.segments)) this.#separate.add(segment);
      yield day;
    }
  }

  /** For the time that is left: the search does not wait for it. */
  #countObjects(): void {
    const { store, selection, options } = this.#parts;
    if (options.quiet || options.json) return;
    surveyArchive(store, selection, this.#signal).then(
      ({ bytes, objects }) => {
        this.#progress.totalBytes = bytes;
        this.#progress.totalObjects = objects;
      },
      // The search itself says what is wrong.
      () => {},
    );
  }

  #showProgress(): void {
    this.#parts.line.showTransfer(this.#progress);
  }
}

function countTable(counts: readonly [string, number][], total: number, terminal: Terminal): string {
  const row = (name: string, count: number) => [
    { text: name },
    { text: String(count), align: 'right' as const },
  ];
  return table(
    terminal,
    ['CHANNEL', 'LINES'],
    [...counts.map(([name, count]) => row(name, count)), row('all', total)],
  );
}

/** False where something could not be read. */
function reportFindings({ damaged, missing }: Findings, terminal: Terminal): boolean {
  for (const { key, reason } of damaged) terminal.err(escapeControl(`${key}: ${reason}`));
  for (const key of missing) terminal.err(escapeControl(`${key}: went away`));
  return damaged.length + missing.length === 0;
}
