/**
 * Follows the segments of one data directory, from the first line of an open file to the end of a sealed one.
 *
 * What grows is read by its offset, whole lines only; what is sealed is read to its end, also compressed, and its digest
 * goes into the ledger. A file may be appended to, cut, renamed, compressed or deleted at any moment: what is not found
 * where it lay is found at the next look, or in storage. Bounds: a name for each file, the lines of two batches.
 */
import { errorText } from '../../lib/errors.ts';
import type { Logger } from '../../lib/logger.ts';
import { isMissing } from '../../lib/system-error.ts';
import type { SegmentName } from '../../segment-name.ts';
import type { Spool } from '../../spool.ts';
import type { Database } from '../database/database.ts';
import type { LoadOutcome, SegmentChunk } from '../loader.ts';
import { type BatchPiece, ChunkBatch } from './chunk-batch.ts';
import { fileBytes, fileState, readAt } from './local-file.ts';
import { type LocalFile, LocalListing } from './local-listing.ts';
import { lookUp, type NamedFile, type Tracked } from './local-lookup.ts';
import { localSource } from './local-source.ts';
import { linesOf, SegmentCursor } from './segment-cursor.ts';
import { firstBytes, isSame, piecesFrom, type SegmentPiece, segmentPieces } from './segment-pieces.ts';

export interface LocalSegmentsOptions {
  spool: Spool;
  database: Database;
  load(chunks: readonly SegmentChunk[], signal: AbortSignal): Promise<LoadOutcome>;
  /** Lines of one transaction. */
  linesMax: number;
  log: Logger;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Bytes of one transaction, about. */
export const BATCH_BYTES = 4 * 1024 * 1024;
/** Sealed files are looked up so many at a time. */
const LOOKUP_FILES = 200;
/** Work on a backlog pauses after so long, for the open files to have their turn. */
const BACKLOG_MS = 2_000;
/** What cannot be read or loaded is tried again after so long. */
const REFUSED_MS = 600_000;

export class LocalSegments {
  readonly #options: LocalSegmentsOptions;
  readonly #listing: LocalListing;
  #source: string | undefined;
  readonly #tracked = new Map<string, Tracked>();
  /** Sealed files that are in the index wholly. */
  readonly #done = new Set<string>();
  /** Files that are damaged, or that the database refuses: until when they are left alone. */
  readonly #refused = new Map<string, number>();
  #waiting = 0;
  /** Those of the last look that were not in the index wholly: the hour of each, ms since the epoch. */
  #unfinished = new Map<string, number>();
  #leftMs: number | undefined;

  constructor(options: LocalSegmentsOptions) {
    this.#options = options;
    this.#listing = new LocalListing(options.spool, options.now);
  }

  /** Sealed files that the last look did not get to. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Files that cannot be loaded. */
  get refused(): number {
    return this.#refused.size;
  }

  /**
   * The earliest hour of the segments that left the disk before they were read to their end, ms since the epoch; undefined
   * where there is none since this was asked. They are in storage.
   */
  takeLeft(): number | undefined {
    const leftMs = this.#leftMs;
    this.#leftMs = undefined;
    return leftMs;
  }

  /** The ledger is another one than it was. */
  forget(): void {
    this.#tracked.clear();
    this.#done.clear();
    this.#refused.clear();
  }

  /**
   * Loads what has come since the last look. False where more is left than one look takes on. Rejects with the
   * database's error, after which everything stands as the ledger has it. Not to be called again before it returned.
   * @param wants only these segments
   */
  async poll(signal: AbortSignal, wants: (name: SegmentName) => boolean = () => true): Promise<boolean> {
    const { spool, load, linesMax, now } = this.#options;
    this.#source ??= await localSource(spool);
    const files = await this.#listing.look(signal);
    this.#drop(files);
    this.#unfinished = new Map();
    const growing: NamedFile[] = [];
    let sealed: NamedFile[] = [];
    for (const [base, file] of files) {
      if (this.#refused.has(base) || !wants(file.name)) continue;
      if (!this.#done.has(base)) this.#unfinished.set(base, file.name.startMs);
      if (!isSealed(file)) growing.push([base, file]);
      else if (!this.#done.has(base)) sealed.push([base, file]);
    }
    const batch = new ChunkBatch({ load, linesMax, bytesMax: BATCH_BYTES });
    await this.#grow(growing, batch, signal);
    await batch.flush(signal);
    // The newest first: it is what people ask for.
    sealed.sort(([, a], [, b]) => b.name.startMs - a.name.startMs);
    for (const endMs = now() + BACKLOG_MS; sealed.length > 0 && now() < endMs; ) {
      await this.#finish(sealed.slice(0, LOOKUP_FILES), batch, signal);
      sealed = sealed.slice(LOOKUP_FILES);
    }
    await batch.flush(signal);
    this.#waiting = sealed.length;
    return sealed.length === 0;
  }

  #drop(files: ReadonlyMap<string, LocalFile>): void {
    const nowMs = this.#options.now();
    for (const [base, startMs] of this.#unfinished)
      if (!files.has(base) && !this.#done.has(base))
        this.#leftMs = Math.min(startMs, this.#leftMs ?? startMs);
    for (const base of this.#tracked.keys()) if (!files.has(base)) this.#tracked.delete(base);
    for (const [base, untilMs] of this.#refused) {
      if (!files.has(base) || nowMs >= untilMs) this.#refused.delete(base);
    }
    for (const base of this.#done) {
      const file = files.get(base);
      // One that is open is another one, that got the name when it was free.
      if (!file || !isSealed(file)) this.#done.delete(base);
    }
  }

  async #grow(files: readonly NamedFile[], batch: ChunkBatch, signal: AbortSignal): Promise<void> {
    const { spool } = this.#options;
    const fresh: NamedFile[] = [];
    const known: NamedFile[] = [];
    for (const [base, file] of files) {
      signal.throwIfAborted();
      const state = await fileState(spool, file);
      if (!state || state.size === 0) continue;
      const tracked = this.#tracked.get(base);
      if (tracked?.identity !== state.identity) fresh.push([base, file]);
      else if (!tracked.cursor || state.size > tracked.cursor.bytes) known.push([base, file]);
    }
    await this.#lookUp(fresh, signal);
    for (const [base, file] of [...known, ...fresh]) {
      const tracked = this.#tracked.get(base);
      if (tracked) await this.#readGrown(base, file, tracked, batch, signal);
    }
  }

  /** Everything up to the last whole line that is there now. */
  async #readGrown(
    base: string,
    file: LocalFile,
    tracked: Tracked,
    batch: ChunkBatch,
    signal: AbortSignal,
  ): Promise<void> {
    const { spool } = this.#options;
    const state = await fileState(spool, file);
    if (!state) return;
    if (tracked.identity !== state.identity) tracked.cursor = await this.#resume(file, tracked, signal);
    tracked.identity = state.identity;
    let from = tracked.standing.bytes;
    for (let cursor = tracked.cursor; cursor && cursor.bytes < state.size; ) {
      const bytesMax = Math.min(BATCH_BYTES, state.size - cursor.bytes);
      const bytes = await readAt(spool, file, cursor.bytes, bytesMax);
      const end = bytes ? bytes.lastIndexOf('\n') + 1 : 0;
      // Gone, torn at its end, or a line without an end, which recovery sets aside.
      if (!bytes || end === 0) return;
      const stretch = bytes.subarray(0, end);
      const lines = linesOf(stretch);
      const { before } = cursor;
      cursor = cursor.after(stretch, lines);
      const piece = { lines, before, cursor, isLast: false };
      await batch.add(this.#batchPiece([base, file], tracked, from, piece), signal);
      from = cursor.bytes;
    }
  }

  /** Where to go on in a file that this process has not read yet; undefined where it is gone. */
  async #resume(
    file: LocalFile,
    { standing }: Tracked,
    signal: AbortSignal,
  ): Promise<SegmentCursor | undefined> {
    try {
      const read = firstBytes(fileBytes(this.#options.spool, file, signal), standing.bytes);
      const cursor = await SegmentCursor.past(read);
      return isSame(cursor, standing) ? cursor : SegmentCursor.start();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** Sealed files, to their ends. */
  async #finish(files: readonly NamedFile[], batch: ChunkBatch, signal: AbortSignal): Promise<void> {
    await this.#lookUp(
      files.filter(([base]) => !this.#tracked.has(base)),
      signal,
    );
    for (const [base, file] of files) {
      const tracked = this.#tracked.get(base);
      if (!tracked) continue;
      let from = tracked.standing.bytes;
      for await (const piece of this.#unread(base, file, tracked, signal)) {
        await batch.add(this.#batchPiece([base, file], tracked, from, piece), signal);
        from = piece.cursor.bytes;
      }
    }
  }

  /** Ends early, saying so, where the file cannot be read. */
  async *#unread(
    base: string,
    file: LocalFile,
    { cursor, identity, standing }: Tracked,
    signal: AbortSignal,
  ): AsyncGenerator<SegmentPiece> {
    const { spool, linesMax } = this.#options;
    const limits = { lines: linesMax, bytes: BATCH_BYTES };
    try {
      const state = await fileState(spool, file);
      if (!state) return;
      // The very file that this process followed, and nothing was cut off.
      const isFollowed = cursor !== undefined && state.identity === identity && state.size >= cursor.bytes;
      yield* isFollowed
        ? piecesFrom(cursor, fileBytes(spool, file, signal, cursor.bytes), limits)
        : segmentPieces(() => fileBytes(spool, file, signal), standing, limits);
    } catch (error) {
      signal.throwIfAborted();
      if (!isMissing(error)) this.#refuse(base, file, error);
    }
  }

  #batchPiece(
    [base, file]: NamedFile,
    tracked: Tracked,
    fromByte: number,
    { lines, before, cursor, isLast }: SegmentPiece,
  ): BatchPiece {
    const { platform, channel, startMs } = file.name;
    const { ledgerName: name } = tracked;
    const linesSha256 = cursor.digest;
    return {
      chunk: {
        source: this.#source!,
        ...{ name, platform, channel, startMs, fromByte, toByte: cursor.bytes, lines, before, linesSha256 },
        ...(isLast && { end: { linesSha256 } }),
      },
      loaded: () => {
        tracked.standing = { bytes: cursor.bytes, digest: linesSha256 };
        tracked.cursor = cursor;
        if (!isLast) return;
        this.#tracked.delete(base);
        this.#done.add(base);
      },
      stale: () => void this.#tracked.delete(base),
      refused: (error) => this.#refuse(base, file, error),
    };
  }

  #refuse(base: string, { directory, file }: LocalFile, error: unknown): void {
    this.#tracked.delete(base);
    this.#refused.set(base, this.#options.now() + REFUSED_MS);
    this.#options.log.error(
      { file: `${directory}/${file}`, err: errorText(error) },
      'the index cannot take this file; the others go on',
    );
  }

  /** Begins to follow these where the ledger stands. */
  async #lookUp(files: readonly NamedFile[], signal: AbortSignal): Promise<void> {
    const { spool, database } = this.#options;
    for (const [base] of files) this.#tracked.delete(base);
    if (files.length === 0) return;
    const source = this.#source!;
    const onUnreadable = (base: string, file: LocalFile, error: unknown) => this.#refuse(base, file, error);
    const found = await lookUp(files, { spool, database, source, onUnreadable }, signal);
    for (const [base, tracked] of found) {
      if (tracked === 'done') this.#done.add(base);
      else this.#tracked.set(base, tracked);
    }
  }
}

function isSealed({ directory }: LocalFile): boolean {
  return directory === 'sealed' || directory === 'uploaded';
}
