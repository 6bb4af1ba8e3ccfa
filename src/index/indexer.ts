/**
 * Keeps the index up with what is recorded: follows the local segments, looks through storage for what did not come by
 * that way, and has derived what is made of rows. Local lines come first: they are what people wait for.
 *
 * Nothing here is waited for by the recorder. Where the database is away it is tried again and again; what was recorded
 * meanwhile is in the files, and what has left the local disk is in storage.
 */
import type { Config } from '../config/schema.ts';
import { abortable } from '../lib/abortable.ts';
import type { Logger } from '../lib/logger.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { Spool } from '../spool.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { SegmentRange } from '../storage/read-segment.ts';
import { CountingLoader } from './counting-loader.ts';
import type { Database } from './database/database.ts';
import { migrate } from './database/migrate.ts';
import { withinDeadline } from './database/within-deadline.ts';
import { emptyIndex } from './empty-index.ts';
import { readGeneration } from './index-generation.ts';
import type { ArchiveStatus, IndexStatus } from './index-status.ts';
import { type IndexedRange, indexedRange } from './indexed-range.ts';
import { keepTrying, type Trouble } from './keep-trying.ts';
import { Loader, type SegmentChunk } from './loader.ts';
import { createTrigramIndex } from './optional-indexes.ts';
import { withMaintenanceLock } from './retention/maintenance-lock.ts';
import { requireNothingDue } from './retention/require-nothing-due.ts';
import { ArchiveSegments, type ScanTally } from './sources/archive-segments.ts';
import { LocalSegments } from './sources/local-segments.ts';

export interface IndexerOptions {
  /** As it is in effect. */
  config: () => Config;
  /** Undefined where nothing is recorded on this machine: then storage alone is indexed. */
  spool: Spool | undefined;
  store: ObjectStore;
  database: Database;
  privacy: PrivacyGate;
  log: Logger;
  /** Milliseconds since the epoch. */
  now: () => number;
  random?: () => number;
}

export interface IndexRequest extends SegmentRange {
  /** Empties the index first. Rejects with `retention_waiting` where that would take what maintenance has not seen. */
  rebuild?: boolean;
  /** Empties it also then. */
  force?: boolean;
}

export interface IndexProgress extends ScanTally {
  /** Since the work began; in an instance that also follows what is recorded, of that too. */
  lines: number;
  inserted: number;
  rejected: number;
  /** Local files that wait, and those that cannot be loaded. */
  waitingFiles: number;
  refusedFiles: number;
  /** Objects in storage that are to be looked at, and their bytes; undefined until they are counted. */
  total: { segments: number; bytes: number } | undefined;
}

type Task = 'local' | 'archive' | 'derive';

const TASKS: Record<Task, string> = {
  local: 'index what is recorded here',
  archive: 'index what lies in storage',
  derive: 'derive sessions from the index',
};

const DAY_MS = 86_400_000;
/** Between scans of the whole horizon only days so recent are looked through. */
const RECENT_DAYS = 2;
/** A first start makes PGlite's files and the schema. */
const PREPARE_MS = 120_000;
const NEVER = new AbortController().signal;
/** How often it is made sure that the index is still the one it was. */
const GENERATION_MS = 30_000;
const DERIVE_MS = 2_000;
/** Storage is looked through at most so often on account of what left the local disk unread. */
const LEFT_SCAN_MS = 5_000;
/** How often it is asked whether a scan of the storage is due. */
const ARCHIVE_LOOK_MS = 500;
const NO_SCAN: ArchiveStatus = {
  ...{ scanning: false, segments: 0, loaded: 0, failed: 0, scannedMs: undefined, error: undefined },
};

export class Indexer {
  readonly loader: Loader;
  readonly #options: IndexerOptions;
  readonly #loads: CountingLoader;
  readonly #local: LocalSegments | undefined;
  readonly #archive: ArchiveSegments;
  readonly #troubles = new Map<Task, Trouble>();
  #generation: string | undefined;
  #generationMs = Number.NEGATIVE_INFINITY;
  #triedTrigrams = false;
  #preparing: Promise<void> | undefined;
  #caughtUpMs: number | undefined;
  #isBehind = false;
  #scan = NO_SCAN;
  #localTurn: Promise<unknown> = Promise.resolve();
  #scanMs = Number.NEGATIVE_INFINITY;
  /** Segments of this hour and later left the local disk before they were read. */
  #leftMs: number | undefined;
  #wholeScanMs = Number.NEGATIVE_INFINITY;
  #derivedLines = -1;

  constructor(options: IndexerOptions) {
    const { config, spool, store, database, privacy, log, now } = options;
    this.#options = options;
    this.loader = new Loader({ database, config, privacy, log, now });
    this.#loads = new CountingLoader(this.loader);
    const load = (chunks: readonly SegmentChunk[], signal: AbortSignal) => this.#loads.load(chunks, signal);
    const common = { database, load, linesMax: config().index.batch_lines, log, now };
    this.#local = spool && new LocalSegments({ ...common, spool });
    this.#archive = new ArchiveSegments({ ...common, store });
  }

  status(): IndexStatus {
    const { local, derive } = Object.fromEntries(this.#troubles) as Partial<Record<Task, Trouble>>;
    const trouble = local ?? derive;
    const isFollowing = this.#caughtUpMs !== undefined && !this.#isBehind;
    return {
      database: this.#options.database.name,
      state: trouble
        ? 'waiting'
        : this.#generation === undefined
          ? 'starting'
          : isFollowing
            ? 'following'
            : 'catching_up',
      caughtUpMs: this.#caughtUpMs,
      waitingFiles: this.#local?.waiting ?? 0,
      refusedFiles: this.#local?.refused ?? 0,
      ...this.#loads.counts,
      archive: { ...this.#scan, error: this.#troubles.get('archive')?.error },
      trouble,
    };
  }

  /** Follows until aborted, then ends within moments. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#keepTrying('local', () => this.#followLocal(signal), signal),
      this.#keepTrying('archive', () => this.#followArchive(signal), signal),
      this.#keepTrying('derive', () => this.#deriveAgain(signal), signal),
    ]);
  }

  /**
   * Loads what is missing, once, and derives. Rejects with the database's or the store's error: what was done until then
   * stays, and doing it again goes on from there.
   */
  async indexOnce(
    request: IndexRequest,
    signal: AbortSignal,
    onProgress: (progress: IndexProgress) => void = () => {},
  ): Promise<IndexProgress> {
    const { rebuild = false, force = false, ...asked } = request;
    const { config, now } = this.#options;
    await this.#prepare(signal);
    if (rebuild) await this.#empty(force, signal);
    const range = indexedRange(config(), now(), asked);
    const before = { ...this.#loads.counts };
    let total: IndexProgress['total'];
    let tally: ScanTally = { segments: 0, bytes: 0, loaded: 0, failed: 0 };
    const progress = (): IndexProgress => ({
      ...tally,
      lines: this.#loads.counts.lines - before.lines,
      inserted: this.#loads.counts.inserted - before.inserted,
      rejected: this.#loads.counts.rejected - before.rejected,
      waitingFiles: this.#local?.waiting ?? 0,
      refusedFiles: this.#local?.refused ?? 0,
      total,
    });
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    // Beside the work: only who watches waits for the number. Where it fails, the work does too, and says so.
    void this.#archive.count(range, either).then(
      (counted) => {
        total = counted;
      },
      () => {},
    );
    try {
      while (!(await this.#pollLocal(either, range))) onProgress(progress());
      tally = await this.#archive.scan(range, either, (now) => {
        tally = now;
        onProgress(progress());
      });
      await abortable(this.loader.derive(either), either);
      return progress();
    } finally {
      stop.abort();
    }
  }

  #keepTrying(task: Task, round: () => Promise<number>, signal: AbortSignal): Promise<void> {
    const { log, now, random = Math.random } = this.#options;
    const onTrouble = (trouble: Trouble | undefined) => this.#onTrouble(task, trouble);
    return keepTrying({ task: TASKS[task], round, onTrouble, log, now, random }, signal);
  }

  #onTrouble(task: Task, trouble: Trouble | undefined): void {
    if (trouble) {
      this.#troubles.set(task, trouble);
      // It may be another database when it is back, or one without tables.
      this.#generationMs = Number.NEGATIVE_INFINITY;
    } else this.#troubles.delete(task);
    // Segments may have left the local disk before they were read.
    if (task === 'local') this.#wholeScanMs = Number.NEGATIVE_INFINITY;
  }

  async #followLocal(signal: AbortSignal): Promise<number> {
    await this.#prepare(signal);
    const { config, now } = this.#options;
    const startedMs = now();
    this.#isBehind = !(await this.#pollLocal(signal, indexedRange(config(), startedMs)));
    this.#noteLeft(this.#local?.takeLeft());
    if (!this.#isBehind) this.#caughtUpMs = startedMs;
    return this.#isBehind ? 0 : config().index.poll_interval_seconds * 1000;
  }

  #noteLeft(leftMs: number | undefined): void {
    if (leftMs !== undefined) this.#leftMs = Math.min(leftMs, this.#leftMs ?? leftMs);
  }

  /** One look at a time; true where nothing is left. */
  #pollLocal(signal: AbortSignal, { wants }: IndexedRange): Promise<boolean> {
    const mine = this.#localTurn.then(() => this.#local?.poll(signal, wants) ?? true);
    this.#localTurn = mine.catch(() => {});
    return mine;
  }

  async #followArchive(signal: AbortSignal): Promise<number> {
    const { config, now, log } = this.#options;
    const startedMs = now();
    const isWhole = startedMs - this.#wholeScanMs >= DAY_MS;
    const leftMs = this.#leftMs;
    const intervalMs = leftMs === undefined ? config().index.archive_scan_minutes * 60_000 : LEFT_SCAN_MS;
    const isDue = isWhole || startedMs - this.#scanMs >= intervalMs;
    // What lies on the local disk needs no look at the storage.
    if (!isDue || this.#caughtUpMs === undefined) return ARCHIVE_LOOK_MS;
    await this.#prepare(signal);
    const recentMs = startedMs - RECENT_DAYS * DAY_MS;
    const asked = isWhole ? {} : { fromMs: Math.min(recentMs, leftMs ?? recentMs) };
    this.#leftMs = undefined;
    this.#scan = { ...NO_SCAN, scanning: true, scannedMs: this.#scan.scannedMs };
    const show = ({ segments, loaded, failed }: ScanTally) => {
      this.#scan = { ...this.#scan, segments, loaded, failed };
    };
    try {
      const range = indexedRange(config(), startedMs, asked);
      const tally = await this.#archive.scan(range, signal, show);
      show(tally);
      this.#scan = { ...this.#scan, scannedMs: now() };
      this.#scanMs = startedMs;
      if (isWhole) this.#wholeScanMs = startedMs;
      if (tally.loaded > 0) log.info({ ...tally }, 'indexed segments from storage');
    } catch (error) {
      this.#noteLeft(leftMs);
      throw error;
    } finally {
      this.#scan = { ...this.#scan, scanning: false };
    }
    return ARCHIVE_LOOK_MS;
  }

  async #deriveAgain(signal: AbortSignal): Promise<number> {
    const { lines } = this.#loads.counts;
    if (lines !== this.#derivedLines) {
      await this.#prepare(signal);
      await abortable(this.loader.derive(signal), signal);
      this.#derivedLines = lines;
    }
    return DERIVE_MS;
  }

  /** The schema is there, and what is remembered is of the index that is there. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#options.now() - this.#generationMs < GENERATION_MS) return;
    this.#preparing ??= withinDeadline(PREPARE_MS, NEVER, () => this.#openDatabase()).finally(() => {
      this.#preparing = undefined;
    });
    await abortable(this.#preparing, signal);
  }

  async #empty(force: boolean, signal: AbortSignal): Promise<void> {
    const { database, config, now } = this.#options;
    await withMaintenanceLock(database, async () => {
      if (!force) await requireNothingDue(database, config(), now());
      await emptyIndex(database, now(), signal);
    });
    this.#generationMs = Number.NEGATIVE_INFINITY;
    await this.#prepare(signal);
  }

  async #openDatabase(): Promise<void> {
    const { database, log, now } = this.#options;
    const applied = await migrate(database);
    if (applied.length > 0)
      log.info({ applied, database: database.name }, 'brought the schema of the index up to date');
    if (applied.length > 0 || !this.#triedTrigrams) await createTrigramIndex(database, log);
    this.#triedTrigrams = true;
    const generation = await readGeneration(database);
    if (generation !== this.#generation) this.#local?.forget();
    this.#generation = generation;
    this.#generationMs = now();
  }
}
