/** `chatlog sql`: the archive as a view of DuckDB. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { CHAT_COLUMNS } from '../archive/sql/chat-columns.ts';
import { ChatDatabase } from '../archive/sql/chat-database.ts';
import { loadDuckDb } from '../archive/sql/duckdb.ts';
import { type GatheredFiles, gatherFiles } from '../archive/sql/gather-files.ts';
import { type PlainValue, resultColumns, resultRows } from '../archive/sql/read-result.ts';
import { ChatlogError } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { onSignals } from '../lib/on-signals.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import {
  type ArchiveOptions,
  openArchiveOf,
  parseSelection,
  type SelectionOptions,
} from './archive-options.ts';
import { EXIT } from './exit-code.ts';
import { forTerminal } from './for-terminal.ts';
import { ProgressLine } from './progress-line.ts';
import { type RowFormat, resultTable, rowTexts, TABLE_ROWS_MAX } from './sql-output.ts';
import { type Style, type Terminal, table } from './terminal.ts';

export interface SqlOptions extends ArchiveOptions, SelectionOptions {
  file?: string;
  format?: SqlFormat;
  output?: string;
  cache?: string;
  memory: string;
  threads?: string;
  allowFiles?: boolean;
  schema?: boolean;
  quiet?: boolean;
}

type SqlFormat = 'table' | 'parquet' | RowFormat;

const FORMAT_OF: Readonly<Record<string, SqlFormat>> = {
  '.csv': 'csv',
  '.json': 'json',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.parquet': 'parquet',
  '.txt': 'table',
};
const NARROWEST = 40;
const NO_TERMINAL_WIDTH = 200;

/** Fails where the statement does, or an object could not be read. */
export async function sql(
  statement: string | undefined,
  options: SqlOptions,
  terminal: Terminal,
): Promise<number> {
  if (options.schema) {
    terminal.out(schemaTable(terminal));
    return EXIT.ok;
  }
  const parsed = parseSelection(options, Date.now());
  const problems = [...('problems' in parsed ? parsed.problems : []), ...problemsOf(statement, options)];
  if (problems.length > 0 || 'problems' in parsed) {
    for (const problem of problems) terminal.err(problem);
    return EXIT.usage;
  }
  const query = await statementText(statement, options);
  if (query.trim() === '') {
    terminal.err('There is no statement: chatlog sql "select count(*) from chat".');
    return EXIT.usage;
  }
  await loadDuckDb();
  using archive = await openArchiveOf(options, terminal);
  if (!archive) return EXIT.usage;
  const { store, config } = archive;
  const stop = new AbortController();
  const end = () => stop.abort(new ChatlogError('stopped', 'stopped'));
  const removeSignals = onSignals({ stop: end, reload() {} });
  const line = new ProgressLine(terminal, { isQuiet: options.quiet === true });
  const scratch = await mkdtemp(join(tmpdir(), 'chatlog-sql-'));
  try {
    const { readDecisions } = await import('../privacy/read-decisions.ts');
    const gathered = await gatherFiles({
      ...{ store, selection: parsed.selection, scratch, signal: stop.signal },
      decisions: await readDecisions({ store, dataDir: config?.data_dir }, stop.signal),
      cache: options.cache === undefined ? undefined : resolve(options.cache),
      onProgress: (progress) => line.showTransfer(progress),
    });
    line.clear();
    const format = formatOf(options);
    const output = options.output === undefined ? undefined : resolve(`${options.output}.part`);
    using database = await ChatDatabase.open({
      ...{ files: gathered.files, selection: parsed.selection, signal: stop.signal, output },
      memory: options.memory,
      threads: options.threads === undefined ? availableParallelism() : Number(options.threads),
      spillDirectory: join(scratch, 'spill'),
      allowFiles: options.allowFiles ?? false,
    });
    await answer({ database, query, format, options, output, signal: stop.signal }, terminal);
    if (options.output !== undefined) await rename(output!, options.output);
    return reportFindings(gathered, terminal, options) ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    terminal.err('Stopped.');
    return EXIT.failed;
  } finally {
    line.clear();
    removeSignals();
    if (options.output !== undefined) await rm(`${options.output}.part`, { force: true });
    await rm(scratch, { recursive: true, force: true });
  }
}

function problemsOf(statement: string | undefined, options: SqlOptions): string[] {
  const { file, format, output, memory, threads } = options;
  const problems: string[] = [];
  if (statement !== undefined && file !== undefined) problems.push('--file goes in place of a statement');
  if (statement === undefined && file === undefined && process.stdin.isTTY)
    problems.push('There is no statement: chatlog sql "select count(*) from chat", or --file FILE.');
  if (!/^\d+(?:\.\d+)?\s*[KMGT]i?B$/i.test(memory))
    problems.push(`--memory should be a size such as 512MB or 2GB, found "${escapeControl(memory)}"`);
  if (threads !== undefined && !/^[1-9]\d{0,2}$/.test(threads))
    problems.push(`--threads should be a number from 1 on, found "${escapeControl(threads)}"`);
  if (format === 'parquet' && output === undefined) problems.push('--format parquet needs --output FILE');
  return problems;
}

async function statementText(statement: string | undefined, { file }: SqlOptions): Promise<string> {
  if (statement !== undefined) return statement;
  if (file === undefined || file === '-') return text(process.stdin);
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new ChatlogError('file_missing', `cannot read --file ${file}: ${systemErrorCode(error) ?? error}`);
  });
}

function formatOf({ format, output }: SqlOptions): SqlFormat {
  if (format !== undefined) return format;
  if (output !== undefined) return FORMAT_OF[extname(output).toLowerCase()] ?? 'csv';
  return process.stdout.isTTY ? 'table' : 'csv';
}

interface Answer {
  database: ChatDatabase;
  query: string;
  format: SqlFormat;
  options: SqlOptions;
  output: string | undefined;
  signal: AbortSignal;
}

async function answer(asked: Answer, terminal: Terminal): Promise<void> {
  const { database, query, format, options, output, signal } = asked;
  const say = (what: string) => {
    if (!options.quiet) terminal.err(what);
  };
  if (format === 'parquet') {
    say(`${rowCount(await database.copyToParquet(query, output!))} in ${options.output}`);
    return;
  }
  const result = await database.query(query);
  const columns = resultColumns(result);
  const batches = resultRows(result, database.duckdb, format === 'json' || format === 'jsonl');
  const target = output === undefined ? process.stdout : createWriteStream(output);
  let rows = 0;
  if (format === 'table') {
    const shown: PlainValue[][] = [];
    for await (const batch of batches) {
      rows += batch.length;
      shown.push(...batch.slice(0, Math.max(0, TABLE_ROWS_MAX - shown.length)));
    }
    const width = output === undefined && process.stdout.isTTY ? process.stdout.columns : NO_TERMINAL_WIDTH;
    const place = output === undefined ? terminal : { ...terminal, style: unstyled };
    const lines =
      columns.length === 0 ? '' : `${resultTable(columns, shown, place, Math.max(NARROWEST, width))}\n`;
    await written([lines], target, signal);
    const left = rows - shown.length;
    say(left > 0 ? `${rowCount(rows)}, ${left} not shown; all of them: --format csv` : rowCount(rows));
    return;
  }
  const counted = async function* () {
    for await (const batch of batches) {
      rows += batch.length;
      yield batch;
    }
  };
  const printed = async function* () {
    for await (const part of rowTexts(columns, counted(), format))
      yield output === undefined ? forTerminal(part) : part;
  };
  await written(printed(), target, signal);
  if (output !== undefined) say(`${rowCount(rows)} in ${options.output}`);
}

/** As fast as it is read. Who read enough goes, and that is no error. */
async function written(
  texts: AsyncIterable<string> | Iterable<string>,
  target: NodeJS.WritableStream,
  signal: AbortSignal,
): Promise<void> {
  try {
    await pipeline(Readable.from(texts), target, { signal, end: target !== process.stdout });
  } catch (error) {
    if (systemErrorCode(error) !== 'EPIPE') throw error;
  }
}

/** Nothing of a terminal in a file. */
function unstyled(_style: Style, text: string): string {
  return text;
}

function rowCount(rows: number): string {
  return `${rows} ${rows === 1 ? 'row' : 'rows'}`;
}

/** False where something could not be read. */
function reportFindings(
  { findings, objects }: GatheredFiles,
  terminal: Terminal,
  { quiet = false }: SqlOptions,
): boolean {
  const { damaged, missing } = findings;
  if (objects === 0 && !quiet) terminal.err('There is nothing in the archive for this selection.');
  for (const { key, reason } of damaged) terminal.err(escapeControl(`${key}: ${reason}`));
  for (const key of missing) terminal.err(escapeControl(`${key}: gone`));
  return damaged.length + missing.length === 0;
}

function schemaTable(terminal: Terminal): string {
  return table(
    terminal,
    ['COLUMN', 'TYPE', 'MEANING'],
    CHAT_COLUMNS.map(({ name, type, meaning }) => [
      { text: name, style: 'bold' as const },
      { text: type.replaceAll('VARCHAR', 'TEXT').replaceAll('"', '') },
      { text: meaning },
    ]),
  );
}
