/**
 * Lines into the index: whole batches of chunks of segments, each in one transaction with its ledger. Doing it twice,
 * in any order, by several at once, or being killed anywhere changes nothing: a chunk is taken only where the ledger says
 * that it is next, a row only where its key and time are not there, and everything derived follows from the rows.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { ChatlogError } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { Database } from './database/database.ts';
import { deriveSessions } from './derive/sessions.ts';
import { IndexIds } from './index-ids.ts';
import { LoadTransaction } from './load-transaction.ts';
import { createPartitions, type Month, monthOf } from './partitions.ts';
import { type ChunkContent, lineFilter, readChunk } from './read-chunk.ts';

/** Whole lines of one segment, from one byte of it to another. */
export interface SegmentChunk {
  /** `local:<id>` or `archive`. */
  source: string;
  /** Without the compression's extension. */
  name: string;
  /** From the name, encoded. */
  platform: string;
  channel: string;
  /** Of the name, ms since the epoch. */
  startMs: number;
  fromByte: number;
  toByte: number;
  /** Without their line ends, in order. */
  lines: readonly Buffer[];
  /** Lines before `fromByte` that were received at the same time as the first of these: for the identity of identical lines. */
  before?: readonly Buffer[];
  /** Of the segment's bytes from its beginning to `toByte`: by it the next run knows that it is still the same file. */
  linesSha256?: string;
  /** Set on the last chunk of a segment that has grown for the last time. */
  end?: SegmentEnd;
}

export interface SegmentEnd {
  linesSha256: string;
  objectKey?: string | undefined;
  objectBytes?: number | undefined;
  instance?: string | undefined;
  /** What the object says of its lines, where they were in the index already and the chunk holds none of them. */
  described?: { lines: number; firstMs: number | undefined; lastMs: number | undefined } | undefined;
}

export interface LoadOutcome {
  /** Rows that were new. */
  inserted: number;
  /** Lines of the chunks that were taken. */
  lines: number;
  /** Of these, what could not be read. */
  rejected: number;
  /** Chunks of which nothing was taken, since the ledger stood elsewhere, and where. */
  stale: { source: string; name: string; bytes: number }[];
}

export interface LoaderOptions {
  database: Database;
  config: () => Config;
  privacy: PrivacyGate;
  log: Logger;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** A chunk with what was read of it. */
export interface ReadChunk {
  chunk: SegmentChunk;
  content: ChunkContent;
}

/** Deadlocks and the like: so often is a transaction tried before the error is the caller's. */
const ATTEMPTS = 5;
const RETRY_MS = 50;

export class Loader {
  readonly #options: LoaderOptions;
  readonly #ids = new IndexIds();
  readonly #months = new Set<Month>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /**
   * One transaction for all chunks. Called again before it is through, the next chunks are read while the database works;
   * transactions wait for each other. Throws
   * `database_unavailable` and the like; then nothing, or everything, was taken.
   */
  async load(chunks: readonly SegmentChunk[], signal?: AbortSignal): Promise<LoadOutcome> {
    const reading = this.#read(chunks, signal);
    reading.catch(() => {});
    // Whoever asked first goes first, however long reading takes.
    return this.#inTurn(async () => {
      const read = await reading;
      return this.#retrying((attempt) => this.#attempt(read, attempt > 1, signal), signal);
    });
  }

  /** What is made of rows rather than of lines: sessions. After loading, and in any case now and then. */
  async derive(signal?: AbortSignal): Promise<void> {
    await this.#retrying(() => deriveSessions(this.#options.database, this.#idleMs(), signal), signal);
  }

  #idleMs(): number {
    return this.#options.config().index.session_idle_minutes * 60_000;
  }

  async #read(chunks: readonly SegmentChunk[], signal: AbortSignal | undefined): Promise<ReadChunk[]> {
    const { config, privacy, now } = this.#options;
    const filter = lineFilter(config(), privacy, now());
    const pace = { lines: 0 };
    const read: ReadChunk[] = [];
    for (const chunk of chunks) {
      signal?.throwIfAborted();
      read.push({ chunk, content: await readChunk(chunk, filter, pace) });
    }
    return read;
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(action);
    this.#turn = mine.catch(() => {});
    return mine;
  }

  async #attempt(
    read: readonly ReadChunk[],
    isRepeated: boolean,
    signal: AbortSignal | undefined,
  ): Promise<LoadOutcome> {
    const { database, config, privacy, now } = this.#options;
    await this.#makePartitions(read, signal);
    const windowMs = config().index.moderation_window_hours * 3_600_000;
    const settings = { windowMs, idleMs: this.#idleMs(), privacy, nowMs: now(), isRepeated };
    try {
      const { outcome, taken } = await database.transaction(
        (session) => new LoadTransaction(session, this.#ids, this.#months, settings).run(read),
        { signal },
      );
      this.#ids.commit();
      this.#report(taken);
      return outcome;
    } catch (error) {
      this.#ids.rollback();
      throw error;
    }
  }

  async #makePartitions(read: readonly ReadChunk[], signal: AbortSignal | undefined): Promise<void> {
    const missing = new Set<Month>();
    for (const { content } of read) {
      for (const { timeMs } of content.rows) {
        const month = monthOf(timeMs);
        if (!this.#months.has(month)) missing.add(month);
      }
    }
    if (missing.size === 0) return;
    const { database, config } = this.#options;
    await createPartitions(database, missing, config().maintenance.lock_timeout_seconds * 1000, signal);
    for (const month of missing) this.#months.add(month);
  }

  #report(taken: readonly ReadChunk[]): void {
    for (const { chunk, content } of taken) {
      if (content.rejected === 0) continue;
      const { source, name, fromByte } = chunk;
      const { rejected, rejectedWhy } = content;
      this.#options.log.warn(
        { source, segment: name, fromByte, rejected, why: rejectedWhy },
        'lines could not be indexed; they stay in their file',
      );
    }
  }

  async #retrying<T>(action: (attempt: number) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await action(attempt);
      } catch (error) {
        const isConflict = error instanceof ChatlogError && error.code === 'database_conflict';
        if (!isConflict || attempt === ATTEMPTS) throw error;
        await delay(RETRY_MS * attempt, undefined, { signal });
      }
    }
  }
}
