/**
 * DuckDB in memory, with the views of `chat-view.ts` over some files. Statements can read these files and nothing else, and
 * write none, unless that was allowed.
 */
import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { escapeControl } from '../../lib/escape-control.ts';
import type { Selection } from '../selection.ts';
import { sqlList, sqlText, viewStatements } from './chat-view.ts';
import { type DuckDb, loadDuckDb } from './duckdb.ts';

export interface ChatDatabaseOptions {
  files: readonly string[];
  selection: Pick<Selection, 'fromMs' | 'toMs' | 'users'>;
  /** `512MB`: what DuckDB may take; beyond it, it writes to `spillDirectory`. */
  memory: string;
  threads: number;
  spillDirectory: string;
  /** Statements may read and write any file, and load extensions. */
  allowFiles: boolean;
  /** What {@link ChatDatabase.copy} may write. */
  output?: string | undefined;
  /** Breaks a running statement off. */
  signal: AbortSignal;
}

/** What stays in memory. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...['SELECT', 'CREATE', 'CREATE_FUNC', 'INSERT', 'UPDATE', 'DELETE', 'MERGE_INTO', 'ALTER', 'DROP'],
  ...['TRANSACTION', 'SET', 'VARIABLE_SET', 'PRAGMA', 'ANALYZE', 'CALL', 'RELATION', 'LOGICAL_PLAN', 'MULTI'],
]);

export class ChatDatabase implements Disposable {
  readonly duckdb: DuckDb;
  readonly #connection: DuckDBConnection;
  readonly #allowFiles: boolean;
  readonly #signal: AbortSignal;
  readonly #interrupt = () => this.#connection.interrupt();

  private constructor(duckdb: DuckDb, connection: DuckDBConnection, options: ChatDatabaseOptions) {
    this.duckdb = duckdb;
    this.#connection = connection;
    this.#allowFiles = options.allowFiles;
    this.#signal = options.signal;
    options.signal.addEventListener('abort', this.#interrupt);
  }

  /** Throws `duckdb_missing`, `sql_failed`. */
  static async open(options: ChatDatabaseOptions): Promise<ChatDatabase> {
    const { files, selection, memory, threads, spillDirectory, allowFiles, output, signal } = options;
    const duckdb = await loadDuckDb();
    const instance = await duckdb.DuckDBInstance.create(':memory:', {
      memory_limit: memory,
      threads: String(threads),
      temp_directory: spillDirectory,
      ...(allowFiles ? {} : { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' }),
    }).catch((error: unknown) => {
      throw failure(error);
    });
    const database = new ChatDatabase(duckdb, await instance.connect(), options);
    signal.throwIfAborted();
    const readable = output === undefined ? files : [...files, output];
    const statements = [
      ...viewStatements(files, selection),
      ...(allowFiles
        ? []
        : [
            ...(readable.length > 0 ? [`SET allowed_paths = ${sqlList(readable)}`] : []),
            'SET enable_external_access = false',
            'SET lock_configuration = true',
          ]),
    ];
    for (const statement of statements) await database.#explained(() => database.#connection.run(statement));
    return database;
  }

  /** Runs all statements; the result of the last one, which is read as it is asked for. Throws `sql_failed`, `sql_refused`. */
  async query(sql: string): Promise<DuckDBResult> {
    return this.#explained(async () => {
      const statements = await this.#connection.extractStatements(sql);
      if (statements.count === 0) throw new ChatlogError('sql_failed', 'there is no statement');
      for (let index = 0; index < statements.count - 1; index++)
        await this.#permitted(await statements.prepare(index), sql).run();
      return this.#permitted(await statements.prepare(statements.count - 1), sql).stream();
    });
  }

  /** Writes the result of one statement to the `output` that was named at the start, as Parquet. How many rows. */
  async copyToParquet(sql: string, output: string): Promise<number> {
    return this.#explained(async () => {
      const statements = await this.#connection.extractStatements(sql);
      const { SELECT } = this.duckdb.StatementType;
      if (statements.count !== 1 || (await statements.prepare(0)).statementType !== SELECT)
        throw new ChatlogError('sql_failed', 'as Parquet the result of a single SELECT is written');
      const copy = await this.#firstThatParses(
        withoutEnd(sql).map(
          (query) =>
            `COPY (${query}\n) TO ${sqlText(output)} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)`,
        ),
      );
      return (await copy.run()).rowsChanged;
    });
  }

  async #firstThatParses(statements: readonly string[]): Promise<DuckDBPreparedStatement> {
    let reason: unknown;
    for (const statement of statements) {
      try {
        return await this.#connection.prepare(statement);
      } catch (error) {
        reason ??= error;
      }
    }
    throw reason;
  }

  /** What goes wrong while a result is read is explained like the rest. */
  async #explained<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw failure(error);
    }
  }

  /**
   * What may be read may be written, too, as far as DuckDB is concerned: an object of the archive must not. Also not by a
   * statement in another one (`EXPLAIN ANALYZE COPY`).
   */
  #permitted(statement: DuckDBPreparedStatement, sql: string): DuckDBPreparedStatement {
    if (this.#allowFiles) return statement;
    const { statementType: type } = statement;
    const isHarmless =
      type === this.duckdb.StatementType.EXPLAIN
        ? !/\b(?:copy|export|attach|execute)\b/i.test(sql)
        : HARMLESS.has(this.duckdb.StatementType[type]);
    if (!isHarmless)
      throw new ChatlogError(
        'sql_refused',
        'such statements may read and write other files than the chosen ones',
        {
          hint: 'Write a result with --output FILE; --allow-files lifts this.',
        },
      );
    return statement;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#interrupt);
    this.#connection.closeSync();
  }
}

/** One of them is the statement without its `;`: what looks like one, or like a comment, may stand in a text. */
function withoutEnd(sql: string): string[] {
  return [sql, sql.replace(/;\s*$/, ''), sql.replace(/;(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*$/, '')];
}

/** DuckDB's message, which may hold what was recorded, and what to do about it where that can be told. */
export function failure(error: unknown): ChatlogError {
  if (error instanceof ChatlogError) return error;
  const text = escapeControl(errorText(error).trimEnd(), { keepLines: true });
  return new ChatlogError('sql_failed', text, { cause: error, hint: hintFor(text) });
}

function hintFor(text: string): string | undefined {
  if (/Referenced column|does not have a column|column .* not found/i.test(text))
    return '"chatlog sql --schema" lists the columns.';
  if (/Table with name/i.test(text)) return 'The view is named chat: "select count(*) from chat".';
  if (/file system operations are disabled/i.test(text))
    return 'Statements read the chosen files of the archive alone; --allow-files lifts that.';
  if (/Out of Memory/i.test(text))
    return 'Give it more with --memory 2GB, or choose less with --last, --channel.';
  if (
    /could not read|Failed to read|zstd|gzip|decompress/i.test(text) &&
    /IO Error|Invalid Input/i.test(text)
  )
    return 'An object may be damaged: "chatlog verify" names it.';
  return undefined;
}
