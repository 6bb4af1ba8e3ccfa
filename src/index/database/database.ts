/**
 * The port to the index's database: PostgreSQL over `pg`, or PGlite in a worker thread; one SQL for both. Both answer
 * with the same values: int8 and numeric as numbers, timestamptz as Date, date as `YYYY-MM-DD`, jsonb parsed.
 *
 * Parameters: numbers, strings, booleans, null, Date, and arrays of numbers or strings; JSON is passed as text and cast.
 * Errors are {@link ChatlogError} with code `database_unavailable` (retryable: the server is away, starting, or shut the
 * connection; what a lost COMMIT did is unknown, so work must bear to be done again), `database_conflict` (retryable:
 * deadlock or serialisation), `database_timeout` (the statement timeout, or abort), else the server's own error with its SQLSTATE in `code`.
 */
import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';

export interface QueryAnswer {
  rows: Record<string, unknown>[];
  /** Rows changed or returned. */
  rowCount: number;
}

/** One connection, held by one piece of work. */
export interface Connection {
  query(sql: string, parameters?: readonly unknown[]): Promise<QueryAnswer>;
  /** Several statements without parameters (migrations). */
  exec(sql: string): Promise<void>;
  /** `COPY ... FROM STDIN` in text format; the chunks are whole rows. Returns the number of rows. */
  copyIn(target: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<number>;
}

/** A connection with the typed query builder on top of it. */
export interface Session extends Connection {
  readonly sql: Kysely<Tables>;
}

export interface SessionOptions {
  /** Milliseconds a statement may take; none by default. PGlite cannot break off a statement: there it has no effect. */
  statementTimeoutMs?: number;
  /** Breaks off what runs; the transaction is rolled back. */
  signal?: AbortSignal;
}

export interface Database extends AsyncDisposable {
  readonly kind: 'postgres' | 'pglite';
  /** For people, without secrets: `PostgreSQL 15.18 at db.internal:5432/chatlog`, `PGlite in data/index`. */
  readonly name: string;
  /** One transaction: committed when `work` resolves, rolled back when it rejects. */
  transaction<T>(work: (session: Session) => Promise<T>, options?: SessionOptions): Promise<T>;
  /**
   * Read-only work, on the read replica where one is configured. With PGlite there is one connection for everything: keep it short.
   */
  read<T>(work: (session: Session) => Promise<T>, options?: SessionOptions): Promise<T>;
  /** Outside of any transaction: VACUUM, CREATE INDEX CONCURRENTLY, advisory locks held over several transactions. */
  session<T>(work: (session: Session) => Promise<T>, options?: SessionOptions): Promise<T>;
}
