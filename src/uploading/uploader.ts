/**
 * Takes every segment from sealed/ to a verified object, and away from the local disk. Four kinds of workers:
 *
 *     scan      looks through sealed/ (at the start, when told of a new segment, once a minute) and counts the spool
 *     compress  `compress-worker.ts`: one segment at a time, whether the storage answers or not
 *     upload    `upload-worker.ts`: a few lanes, newest and oldest at the same time
 *     sweep     deletes verified segments that nobody needs locally any more
 *
 * Bounds: 2,048 segments remembered for each kind of work whatever the backlog, one segment open per worker. Start costs
 * one look at the directory. What is not ours or is damaged goes to quarantine/ and stops nothing. On abort everything in
 * flight ends at once, and the next start takes it up.
 */
import { opendir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { RECORD_FORMAT_VERSION } from '../event.ts';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { parseSegmentFile, uncompressedName } from '../segment-name.ts';
import type { Spool } from '../spool.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { CompressWorker } from './compress-worker.ts';
import { quarantine } from './quarantine.ts';
import { EMPTY_CENSUS, type SpoolCensus, takeCensus } from './spool-census.ts';
import { deleteUploaded, freeBytesAt, type SweepRules, sweepUploaded } from './sweep-uploaded.ts';
import type { UploadedSegment } from './upload-segment.ts';
import { UploadWorker } from './upload-worker.ts';
import { Workbench } from './workbench.ts';

export interface UploaderOptions {
  spool: Spool;
  store: ObjectStore;
  config: Pick<Config, 'instance' | 'upload' | 'recorder'>;
  log: Logger;
  /** Wall clock, ms since the epoch. */
  now: () => number;
  /** Told of each verified segment while its file is still in uploaded/. Never rejects. */
  onUploaded?: (segment: UploadedSegment, signal: AbortSignal) => Promise<void>;
  /** Whether nothing else needs a verified segment locally any more. Asked for names in uploaded/. */
  mayDelete: (file: string) => boolean;
  /** Measures how long things take; `performance.now` when left out. */
  monotonic?: () => number;
  random?: () => number;
  /** Free bytes where the spool lies; asked of the file system when left out. */
  freeBytes?: () => Promise<number>;
  /** How often the directories are looked through unasked; a minute when left out. */
  pollMs?: number;
}

export interface UploaderStatus {
  /** The store's name. */
  store: string;
  /** Segments waiting for upload, and their bytes as they lie on the disk. */
  sealedFiles: number;
  sealedBytes: number;
  /** Verified segments that are still on the local disk. */
  uploadedFiles: number;
  quarantinedFiles: number;
  /** When the segment that has waited longest was last written, ms since the epoch; undefined where none waits. */
  oldestNotUploadedMs: number | undefined;
  /** Uploads under way. */
  inFlight: number;
  /** What the last attempt failed with; undefined after one that succeeded. */
  lastError: string | undefined;
  /** Since the start: verified objects, their bytes, attempts that failed. */
  uploaded: number;
  uploadedBytes: number;
  failedAttempts: number;
  /** Wall-clock time of the last verified upload, ms since the epoch; undefined before the first. */
  lastProgressMs: number | undefined;
  /** Something under way made no progress for `upload.stall_exit_minutes`, although every wait has a deadline. */
  stalled: boolean;
}

export interface Uploader {
  /** Works until aborted; then ends within moments. Rejects on a defect only. Called once. */
  run(signal: AbortSignal): Promise<void>;
  /** Says that a segment was sealed. */
  nudge(): void;
  /**
   * Runs the work while no worker has this segment, plain or compressed, in hand: somebody rewrites it. Waits for an upload
   * that is under way.
   */
  inHand<T>(file: string, work: () => Promise<T>): Promise<T>;
  status(): UploaderStatus;
}

const POLL_MS = 60_000;
/** Looking through directories takes at most this share of the time. */
const SCAN_SHARE = 0.1;
const SCAN_PAUSE_MIN_MS = 20;
const BUSY_PAUSE_MS = 20;
const BACKLOG_FILES_MIN = 100;
const BACKLOG_LOG_MS = 60_000;

export function createUploader(options: UploaderOptions): Uploader {
  return new SegmentUploader(options);
}

class SegmentUploader implements Uploader {
  readonly #options: UploaderOptions;
  readonly #monotonic: () => number;
  readonly #pollMs: number;
  readonly #bench: Workbench;
  readonly #compressing: CompressWorker;
  readonly #uploading: UploadWorker;
  readonly #sweepRules: SweepRules;
  #census: SpoolCensus = { ...EMPTY_CENSUS };
  #uploaded = 0;
  #uploadedBytes = 0;
  #lastProgressMs: number | undefined;
  #storeIsSwept = false;
  #backlogLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: UploaderOptions) {
    const { config, spool, store, log, now, mayDelete } = options;
    const { upload, recorder } = config;
    const monotonic = options.monotonic ?? (() => performance.now());
    const freeBytes = options.freeBytes ?? (() => freeBytesAt(spool.root));
    const pollMs = options.pollMs ?? POLL_MS;
    const bench = new Workbench(monotonic);
    const origin = { formatVersion: RECORD_FORMAT_VERSION, instance: config.instance };
    this.#options = options;
    this.#monotonic = monotonic;
    this.#pollMs = pollMs;
    this.#bench = bench;
    this.#compressing = new CompressWorker({
      ...{ spool, bench, origin, log, monotonic, freeBytes, pollMs },
      config: recorder,
    });
    this.#uploading = new UploadWorker({
      ...{ spool, store, bench, origin, log, monotonic, pollMs },
      concurrency: upload.concurrency,
      backoffMinMs: upload.backoff.min_seconds * 1000,
      backoffMaxMs: upload.backoff.max_seconds * 1000,
      random: options.random ?? Math.random,
      onUploaded: (segment, signal) => this.#onUploaded(segment, signal),
      onCorrupt: (file, reason) => this.#quarantine(file, reason),
    });
    this.#sweepRules = {
      ...{ spool, now, mayDelete, freeBytes },
      keepLocalMs: recorder.keep_local_hours * 3_600_000,
      minFreeBytes: recorder.min_free_bytes,
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const defect = new AbortController();
    const either = AbortSignal.any([signal, defect.signal]);
    await removeHalfWritten(this.#options.spool.path('tmp'));
    const workers = [
      this.#scanLoop(either),
      this.#sweepLoop(either),
      this.#compressing.run(either),
      ...this.#uploading.lanes(either),
    ];
    const ends = workers.map((worker) =>
      worker.catch((error: unknown) => {
        if (!either.aborted) defect.abort(error);
      }),
    );
    await Promise.all(ends);
    if (!signal.aborted) throw defect.signal.reason;
  }

  nudge(): void {
    this.#bench.scanBell.ring();
  }

  async inHand<T>(file: string, work: () => Promise<T>): Promise<T> {
    const plain = uncompressedName(file);
    const names = [plain, `${plain}.gz`, `${plain}.zst`];
    while (names.some((name) => this.#bench.isBusy(name))) await sleep(BUSY_PAUSE_MS);
    // What was known of it may no longer be true afterwards.
    for (const name of names) this.#bench.takeDescription(name);
    for (const name of names) this.#bench.alias(name);
    try {
      return await work();
    } finally {
      for (const name of names) this.#bench.dropAlias(name);
      this.#bench.scanBell.ring();
    }
  }

  status(): UploaderStatus {
    const { oldestSealedMs, ...counts } = this.#census;
    return {
      store: this.#options.store.name,
      ...counts,
      oldestNotUploadedMs: oldestSealedMs,
      ...this.#uploading.status,
      uploaded: this.#uploaded,
      uploadedBytes: this.#uploadedBytes,
      lastProgressMs: this.#lastProgressMs,
      stalled: this.#bench.isStalled(this.#options.config.upload.stall_exit_minutes * 60_000),
    };
  }

  async #scanLoop(signal: AbortSignal): Promise<never> {
    for (;;) {
      const startedMs = this.#monotonic();
      try {
        await this.#scan(signal);
        this.#census = await takeCensus(this.#options.spool, signal);
        this.#logBacklog();
      } catch (error) {
        signal.throwIfAborted();
        this.#options.log.warn({ err: errorText(error) }, 'cannot look through the spool; tried again soon');
      }
      const tookMs = this.#monotonic() - startedMs;
      await sleep(Math.max(SCAN_PAUSE_MIN_MS, tookMs / SCAN_SHARE), undefined, { signal });
      await this.#bench.scanBell.wait(this.#pollMs, signal);
    }
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const { toCompress, toUpload, compressBell, uploadBell } = this.#bench;
    toCompress.beginScan();
    toUpload.beginScan();
    for await (const entry of await opendir(this.#options.spool.path('sealed'), { bufferSize: 1024 })) {
      signal.throwIfAborted();
      const name = parseSegmentFile(entry.name);
      if (!name || !entry.isFile()) {
        await this.#quarantine(entry.name, 'it is not a segment');
      } else if (!this.#bench.isBusy(entry.name)) {
        const list = name.compression === 'none' ? toCompress : toUpload;
        list.add({ file: entry.name, startMs: name.startMs, compression: name.compression });
      }
    }
    compressBell.ring();
    uploadBell.ring();
  }

  async #sweepLoop(signal: AbortSignal): Promise<never> {
    for (;;) {
      const startedMs = this.#monotonic();
      try {
        await sweepUploaded(this.#sweepRules, signal);
      } catch (error) {
        signal.throwIfAborted();
        this.#options.log.warn(
          { err: errorText(error) },
          'cannot delete verified segments; tried again later',
        );
      }
      const tookMs = this.#monotonic() - startedMs;
      await sleep(Math.max(this.#pollMs, tookMs / SCAN_SHARE), undefined, { signal });
    }
  }

  async #onUploaded(segment: UploadedSegment, signal: AbortSignal): Promise<void> {
    const { log, now, onUploaded } = this.#options;
    const { file } = segment;
    const bytes = segment.description.objectBytes;
    this.#uploaded++;
    this.#uploadedBytes += bytes;
    this.#lastProgressMs = now();
    this.#recount(bytes);
    this.#sweepStoreOnce(signal);
    await onUploaded?.(segment, signal);
    try {
      if (await deleteUploaded(this.#sweepRules, file)) this.#census.uploadedFiles--;
    } catch (error) {
      log.warn({ file, err: errorText(error) }, 'cannot delete a verified segment; tried again later');
    }
  }

  /** Until the next census. */
  #recount(bytes: number): void {
    const census = this.#census;
    census.uploadedFiles++;
    census.sealedFiles = Math.max(0, census.sealedFiles - 1);
    census.sealedBytes = Math.max(0, census.sealedBytes - bytes);
    if (census.sealedFiles === 0) census.oldestSealedMs = undefined;
    if (this.#bench.toUpload.size === 0) this.#bench.scanBell.ring();
  }

  /** After the first upload, when the storage is known to answer. */
  #sweepStoreOnce(signal: AbortSignal): void {
    const { store, log } = this.#options;
    if (this.#storeIsSwept) return;
    this.#storeIsSwept = true;
    void store.sweep?.(signal).then(
      (swept) => {
        if (swept > 0) log.info({ swept }, 'removed what earlier uploads left unfinished');
      },
      (error: unknown) => log.debug({ err: errorText(error) }, 'cannot look for unfinished uploads'),
    );
  }

  async #quarantine(file: string, reason: string): Promise<void> {
    const { spool, log } = this.#options;
    const name = await quarantine(spool, file).catch((error: unknown) => {
      log.error({ file, reason, err: errorText(error) }, 'a file in sealed/ cannot be put into quarantine/');
    });
    if (name === undefined) return;
    this.#census.quarantinedFiles++;
    log.error({ file, reason, quarantine: name }, 'a file in sealed/ was put into quarantine/');
  }

  #logBacklog(): void {
    const { sealedFiles, sealedBytes } = this.#census;
    const nowMs = this.#monotonic();
    if (sealedFiles < BACKLOG_FILES_MIN || nowMs - this.#backlogLoggedMs < BACKLOG_LOG_MS) return;
    this.#backlogLoggedMs = nowMs;
    const fields = { waitingFiles: sealedFiles, waitingBytes: sealedBytes, uploaded: this.#uploaded };
    this.#options.log.info(fields, 'working through a backlog of segments');
  }
}

/** Half-written compressions of an earlier run. What else lies there may be somebody's work in progress. */
async function removeHalfWritten(directory: string): Promise<void> {
  for await (const { name } of await opendir(directory)) {
    const compression = parseSegmentFile(name)?.compression ?? 'none';
    if (compression !== 'none') await unlink(join(directory, name)).catch(() => {});
  }
}
