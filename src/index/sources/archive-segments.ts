/**
 * Loads the segments in storage that are not in the index: of other recorders, of times when the database was away, of
 * everything at a rebuild. What was loaded from the local disk is recognised by its digest, which one HEAD tells; it
 * costs no reading. Bounds: one page of the listing, a few objects being read, the lines of two batches.
 */
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ObjectStore, SegmentDescription } from '../../storage/object-store.ts';
import {
  listSegments,
  readSegment,
  type SegmentRange,
  type StoredSegment,
} from '../../storage/read-segment.ts';
import type { Database } from '../database/database.ts';
import type { LoadOutcome, SegmentChunk } from '../loader.ts';
import { ChunkBatch } from './chunk-batch.ts';
import { dropMerged, isMadeOfKnown } from './compacted-days.ts';
import { ARCHIVE, knownContents, readLedger } from './ledger.ts';
import { BATCH_BYTES } from './local-segments.ts';
import { type SegmentPiece, type Standing, segmentPieces, UNREAD } from './segment-pieces.ts';

export interface ArchiveSegmentsOptions {
  store: ObjectStore;
  database: Database;
  load(chunks: readonly SegmentChunk[], signal: AbortSignal): Promise<LoadOutcome>;
  /** Lines of one transaction. */
  linesMax: number;
  log: Logger;
  /** Milliseconds since the epoch. */
  now(): number;
}

export interface ScanRange extends SegmentRange {
  /** Of those, only these. */
  wants?: (segment: StoredSegment) => boolean;
}

/** What one look through the storage found. */
export interface ScanTally {
  /** Objects looked at, and their bytes as stored. */
  segments: number;
  bytes: number;
  /** Of these: loaded now, and not loaded because they are damaged, foreign, or refused by the database. */
  loaded: number;
  failed: number;
}

const PAGE = 256;
const HEADS_AT_ONCE = 8;
/** Objects that are read at the same time: one is waited for while the lines of another are loaded. */
const READS_AT_ONCE = 2;
/** So many objects in a row that cannot be read are the storage's fault. */
const FAILURES_IN_A_ROW_MAX = 5;
/** A damaged object is read again after so long. */
const FAILED_MS = 86_400_000;

/** An object that may have to be loaded. */
interface Candidate {
  segment: StoredSegment;
  /** In the ledger. */
  name: string;
  standing: Standing;
  /** Undefined where it was not written by Chatlog, or lost its metadata on the way. */
  description?: SegmentDescription;
  /** Its lines are in the index already. */
  isKnown?: boolean;
}

export class ArchiveSegments {
  readonly #options: ArchiveSegmentsOptions;
  /** Objects that could not be loaded: until when they are left alone. */
  readonly #failed = new Map<string, number>();

  constructor(options: ArchiveSegmentsOptions) {
    this.#options = options;
  }

  /** How much a {@link scan} would look at. */
  async count(range: ScanRange, signal: AbortSignal): Promise<{ segments: number; bytes: number }> {
    const total = { segments: 0, bytes: 0 };
    for await (const segment of listSegments(this.#options.store, range, signal)) {
      if (range.wants && !range.wants(segment)) continue;
      total.segments++;
      total.bytes += segment.bytes;
    }
    return total;
  }

  /**
   * Looks through a range and loads what is missing. `onProgress` is called with the tally so far. Rejects with the
   * database's error, or the store's where it cannot be listed or read; the next scan goes on where this one ended.
   */
  async scan(
    range: ScanRange,
    signal: AbortSignal,
    onProgress: (tally: ScanTally) => void = () => {},
  ): Promise<ScanTally> {
    const tally: ScanTally = { segments: 0, bytes: 0, loaded: 0, failed: 0 };
    const stop = new AbortController();
    const run = new ScanRun(this.#options, this.#failed, tally, AbortSignal.any([signal, stop.signal]));
    try {
      for await (const page of pagesOf(listSegments(this.#options.store, range, signal), range.wants)) {
        await run.take(page);
        for (const { bytes } of page) tally.bytes += bytes;
        tally.segments += page.length;
        onProgress({ ...tally });
      }
      return tally;
    } finally {
      stop.abort();
    }
  }
}

/** One look through the storage. */
class ScanRun {
  readonly #options: ArchiveSegmentsOptions;
  readonly #failed: Map<string, number>;
  readonly #tally: ScanTally;
  readonly #signal: AbortSignal;
  readonly #batch: ChunkBatch;
  #failuresInARow = 0;

  constructor(
    options: ArchiveSegmentsOptions,
    failed: Map<string, number>,
    tally: ScanTally,
    signal: AbortSignal,
  ) {
    const { load, linesMax } = options;
    this.#options = options;
    this.#failed = failed;
    this.#tally = tally;
    this.#signal = signal;
    this.#batch = new ChunkBatch({ load, linesMax, bytesMax: BATCH_BYTES });
  }

  async take(page: readonly StoredSegment[]): Promise<void> {
    const described = await this.#describe(await this.#notInLedger(page));
    let failure: { error: unknown } | undefined;
    await forEachConcurrently(described, READS_AT_ONCE, async (candidate) => {
      if (failure) return;
      try {
        await this.#load(candidate);
      } catch (error) {
        failure ??= { error };
      }
    });
    if (failure) throw failure.error;
    await this.#batch.flush(this.#signal);
    await dropMerged(page, this.#options, this.#signal);
  }

  async #notInLedger(page: readonly StoredSegment[]): Promise<Candidate[]> {
    const names = new Set(page.flatMap((segment) => [segment.ledgerName, fileOf(segment)]));
    const ledger = await readLedger(this.#options.database, ARCHIVE, [...names], this.#signal);
    const owners = new Map([...ledger].map(([name, { objectKey }]) => [name, objectKey]));
    const candidates: Candidate[] = [];
    for (const segment of page) {
      // Of two keys that differ in their compression alone, the second goes by its whole file name.
      const owner = owners.get(segment.ledgerName) ?? segment.key;
      const name = owner === segment.key ? segment.ledgerName : fileOf(segment);
      owners.set(name, segment.key);
      const entry = ledger.get(name);
      if (!entry?.complete) candidates.push({ segment, name, standing: entry ?? UNREAD });
    }
    return candidates;
  }

  /** Asks the storage what they hold. Those that cannot be asked for are left out. */
  async #describe(candidates: readonly Candidate[]): Promise<Candidate[]> {
    const described: Candidate[] = [];
    await forEachConcurrently(candidates, HEADS_AT_ONCE, async (candidate) => {
      const { key } = candidate.segment;
      this.#signal.throwIfAborted();
      if ((this.#failed.get(key) ?? 0) > this.#options.now()) {
        this.#tally.failed++;
        return;
      }
      try {
        const head = await this.#options.store.head(key, this.#signal);
        // Gone since it was listed: its retention is over.
        if (head) described.push({ ...candidate, description: head.description });
        this.#failuresInARow = 0;
      } catch (error) {
        this.#fail(candidate, error);
      }
    });
    const digests = described.flatMap(({ description }) => description?.linesSha256 ?? []);
    const known = await knownContents(this.#options.database, digests, this.#signal);
    const judged: Candidate[] = [];
    for (const candidate of described) {
      const { description } = candidate;
      const isKnown =
        description !== undefined &&
        (known.has(description.linesSha256) ||
          (await isMadeOfKnown(candidate.segment, this.#options, this.#signal)));
      judged.push({ ...candidate, isKnown });
    }
    return judged;
  }

  async #load(candidate: Candidate): Promise<void> {
    const { segment, name, standing, description } = candidate;
    const { platform, channel, startMs, key, bytes } = segment;
    const { instance } = description ?? {};
    const whole = { ...{ source: ARCHIVE, name, platform, channel, startMs }, fromByte: standing.bytes };
    const add = (chunk: SegmentChunk) => {
      const loaded = () => {
        if (chunk.end && !candidate.isKnown) this.#tally.loaded++;
      };
      const refused = (error: unknown) => this.#fail(candidate, error, true);
      return this.#batch.add({ chunk, loaded, stale() {}, refused }, this.#signal);
    };
    const end = (linesSha256: string) => ({ linesSha256, objectKey: key, objectBytes: bytes, instance });
    if (candidate.isKnown && description) {
      const { linesSha256, linesBytes } = description;
      const described = {
        lines: description.lines,
        firstMs: Date.parse(description.firstTimestamp) || undefined,
        lastMs: Date.parse(description.lastTimestamp) || undefined,
      };
      await add({ ...whole, toByte: linesBytes, lines: [], end: { ...end(linesSha256), described } });
      return;
    }
    let fromByte = standing.bytes;
    for await (const { lines, before, cursor, isLast } of this.#unread(candidate)) {
      const linesSha256 = cursor.digest;
      const toByte = cursor.bytes;
      await add({
        ...{ ...whole, fromByte, toByte, lines, before, linesSha256 },
        ...(isLast && { end: end(linesSha256) }),
      });
      fromByte = toByte;
    }
  }

  /** Ends early, saying so, where the object cannot be read or is not what was recorded. */
  async *#unread(candidate: Candidate): AsyncGenerator<SegmentPiece> {
    const { segment, standing, description } = candidate;
    const { store, linesMax, log } = this.#options;
    const { key } = segment;
    if (!description) log.warn({ key }, 'an object without digests is indexed as it is');
    const limits = { lines: linesMax, bytes: BATCH_BYTES };
    try {
      yield* segmentPieces(
        () => readSegment(store, key, this.#signal, description?.linesSha256),
        standing,
        limits,
      );
      this.#failuresInARow = 0;
    } catch (error) {
      if (error instanceof ChatlogError && error.code === 'object_missing') return;
      this.#fail(candidate, error);
    }
  }

  /** Notes an object that cannot be loaded. Throws where that is not for what is in it. */
  #fail({ segment: { key } }: Candidate, error: unknown, isRefused = false): void {
    this.#signal.throwIfAborted();
    const isDamaged = error instanceof ChatlogError && error.code === 'object_corrupt';
    if (!isDamaged && !isRefused && ++this.#failuresInARow >= FAILURES_IN_A_ROW_MAX) throw error;
    this.#tally.failed++;
    if (isDamaged || isRefused) this.#failed.set(key, this.#options.now() + FAILED_MS);
    const { log, store } = this.#options;
    log.error(
      { key, store: store.name, err: errorText(error) },
      'an object cannot be indexed; the others go on',
    );
  }
}

function fileOf({ key }: StoredSegment): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

async function* pagesOf(
  segments: AsyncIterable<StoredSegment>,
  wants: (segment: StoredSegment) => boolean = () => true,
): AsyncGenerator<StoredSegment[]> {
  let page: StoredSegment[] = [];
  for await (const segment of segments) {
    if (!wants(segment)) continue;
    page.push(segment);
    if (page.length < PAGE) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
