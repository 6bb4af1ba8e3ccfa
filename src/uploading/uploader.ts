/**
 * Takes every segment from sealed/ to a verified object, and away from the local disk. Three kinds of workers:
 *
 *     scan      looks through sealed/ (at the start, when told of a new segment, once a minute) and counts the spool
 *     compress  one segment at a time; never waits for the storage, so that a backlog is a compressed backlog
 *     upload    `upload.concurrency` lanes; the first takes the newest segment, so that days of backlog delay live ones
 *               by one upload at most, the others the oldest. A single lane alternates.
 *
 * Bounds: 2,048 segments remembered for each kind of work whatever the backlog, one segment open per worker. Start costs
 * one look at the directory. Every failure is retried for ever (`store-gate.ts`); what is not ours or is damaged goes to
 * quarantine/. On abort everything in flight ends at once, and the next start takes it up.
 */
import { opendir, stat, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { RECORD_FORMAT_VERSION } from '../event.ts';
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { parseSegmentFile, segmentFile } from '../segment-name.ts';
import type { Spool } from '../spool.ts';
import type { ObjectStore, SegmentDescription } from '../storage/object-store.ts';
import { Bell } from './bell.ts';
import { type CompressedSegment, compressSegment } from './compress-segment.ts';
import { FailureLog } from './failure-log.ts';
import { quarantine } from './quarantine.ts';
import { EMPTY_CENSUS, type SpoolCensus, takeCensus } from './spool-census.ts';
import { StoreGate } from './store-gate.ts';
import { deleteUploaded, freeBytesAt, type SweepRules, sweepUploaded } from './sweep-uploaded.ts';
import { isOffered, type UploadTools, uploadSegment } from './upload-segment.ts';
import { type Order, type WorkItem, WorkList } from './work-list.ts';

export interface UploaderOptions {
  spool: Spool;
  store: ObjectStore;
  config: Pick<Config, 'instance' | 'upload' | 'recorder' | 's3'>;
  log: Logger;
  /** Wall clock, ms since the epoch. */
  now: () => number;
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
  status(): UploaderStatus;
}

const POLL_MS = 60_000;
/** Looking through directories takes at most this share of the time. */
const SCAN_SHARE = 0.1;
const SCAN_PAUSE_MIN_MS = 20;
const DESCRIPTIONS_MAX = 512;
const DISK_FULL_PAUSE_MS = 30_000;
/** Compressing needs disk for the result, for a moment. */
const COMPRESS_HEADROOM_BYTES = 4 * 1024 * 1024;
const BACKLOG_FILES_MIN = 100;
const BACKLOG_LOG_MS = 60_000;

export function createUploader(options: UploaderOptions): Uploader {
  return new SegmentUploader(options);
}

class SegmentUploader implements Uploader {
  readonly #options: UploaderOptions;
  readonly #monotonic: () => number;
  readonly #freeBytes: () => Promise<number>;
  readonly #pollMs: number;
  readonly #gate: StoreGate;
  readonly #failures: FailureLog;
  readonly #sweepRules: SweepRules;
  readonly #toCompress = new WorkList();
  readonly #toUpload = new WorkList();
  readonly #scanBell = new Bell();
  readonly #compressBell = new Bell();
  readonly #uploadBell = new Bell();
  /** Segments that a worker has in hand. */
  readonly #busy = new Set<string>();
  /** When each piece of work under way last moved, by its file. */
  readonly #progress = new Map<string, number>();
  /** Made while compressing, so that the file need not be read again. */
  readonly #descriptions = new Map<string, SegmentDescription>();
  #census: SpoolCensus = { ...EMPTY_CENSUS };
  #inFlight = 0;
  #uploaded = 0;
  #uploadedBytes = 0;
  #failedAttempts = 0;
  #lastError: string | undefined;
  #lastProgressMs: number | undefined;
  #compressAgainMs = Number.NEGATIVE_INFINITY;
  #storeIsSwept = false;
  #backlogLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: UploaderOptions) {
    const { config, spool, store, log, now, mayDelete } = options;
    this.#options = options;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#freeBytes = options.freeBytes ?? (() => freeBytesAt(spool.root));
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#failures = new FailureLog(log, store.name, this.#monotonic);
    this.#gate = new StoreGate({
      minMs: config.upload.backoff.min_seconds * 1000,
      maxMs: config.upload.backoff.max_seconds * 1000,
      monotonic: this.#monotonic,
      random: options.random ?? Math.random,
      probe: (signal) => this.#probe(signal),
    });
    this.#sweepRules = {
      spool,
      keepLocalMs: config.recorder.keep_local_hours * 3_600_000,
      minFreeBytes: config.recorder.min_free_bytes,
      now,
      mayDelete,
      freeBytes: this.#freeBytes,
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const defect = new AbortController();
    const either = AbortSignal.any([signal, defect.signal]);
    const { config, store } = this.#options;
    const lanes = Math.min(config.upload.concurrency, store.concurrencyMax ?? Number.POSITIVE_INFINITY);
    await emptyDirectory(this.#options.spool.path('tmp'));
    const workers = [
      this.#scanLoop(either),
      this.#compressLoop(either),
      this.#sweepLoop(either),
      ...Array.from({ length: lanes }, (_, lane) => this.#uploadLoop(lane, lanes, either)),
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
    this.#scanBell.ring();
  }

  status(): UploaderStatus {
    const { sealedFiles, sealedBytes, oldestSealedMs, uploadedFiles, quarantinedFiles } = this.#census;
    const stallMs = this.#options.config.upload.stall_exit_minutes * 60_000;
    const nowMs = this.#monotonic();
    return {
      store: this.#options.store.name,
      sealedFiles,
      sealedBytes,
      uploadedFiles,
      quarantinedFiles,
      oldestNotUploadedMs: oldestSealedMs,
      inFlight: this.#inFlight,
      lastError: this.#lastError,
      uploaded: this.#uploaded,
      uploadedBytes: this.#uploadedBytes,
      failedAttempts: this.#failedAttempts,
      lastProgressMs: this.#lastProgressMs,
      stalled: [...this.#progress.values()].some((movedMs) => nowMs - movedMs > stallMs),
    };
  }

  async #scanLoop(signal: AbortSignal): Promise<void> {
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
      await this.#scanBell.wait(this.#pollMs, signal);
    }
  }

  async #scan(signal: AbortSignal): Promise<void> {
    const { spool } = this.#options;
    this.#toCompress.beginScan();
    this.#toUpload.beginScan();
    for await (const entry of await opendir(spool.path('sealed'), { bufferSize: 1024 })) {
      signal.throwIfAborted();
      const name = parseSegmentFile(entry.name);
      if (!name || !entry.isFile()) {
        await this.#quarantine(entry.name, 'it is not a segment');
      } else if (!this.#busy.has(entry.name)) {
        const list = name.compression === 'none' ? this.#toCompress : this.#toUpload;
        list.add({ file: entry.name, startMs: name.startMs, compression: name.compression });
      }
    }
    this.#compressBell.ring();
    this.#uploadBell.ring();
  }

  async #compressLoop(signal: AbortSignal): Promise<void> {
    for (let turn = 0; ; turn++) {
      const order = turn % 2 === 0 ? 'newest' : 'oldest';
      const item = this.#toCompress.take(order, (file) => !this.#busy.has(file));
      if (!item) {
        if (this.#toCompress.overflowed) this.#scanBell.ring();
        await this.#compressBell.wait(this.#pollMs, signal);
        continue;
      }
      await this.#inHand(item.file, () => this.#compress(item, signal));
    }
  }

  /** Whatever comes of it, the segment is on its way: compressed, as it is, or found again by the next scan. */
  async #compress(item: WorkItem, signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    try {
      const path = await this.#compressionFor(item);
      if (path === 'none') return this.#offer(item);
      const done = await abortable(this.#runCompression(item.file, path, signal), signal);
      if (this.#descriptions.size >= DESCRIPTIONS_MAX) this.#descriptions.clear();
      this.#descriptions.set(done.file, done.description);
      this.#offer({ ...item, file: done.file, compression: path });
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof ChatlogError ? error.code : systemErrorCode(error);
      if (code === 'segment_missing') return;
      if (code === 'ENOSPC' || code === 'EDQUOT') {
        this.#compressAgainMs = this.#monotonic() + DISK_FULL_PAUSE_MS;
      }
      log.warn({ file: item.file, code, err: errorText(error) }, 'cannot compress; it is uploaded as it is');
      this.#offer(item);
    }
  }

  async #compressionFor({ file }: WorkItem): Promise<'none' | 'gzip' | 'zstd'> {
    const { spool, config } = this.#options;
    const { compression } = config.recorder;
    const { size, mode } = await stat(spool.path('sealed', file)).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      throw new ChatlogError('segment_missing', `${file} is gone`, { cause: error });
    });
    // What a crash left in two copies is settled by the compression, even where nothing else would be compressed.
    if (await this.#hasTwin(file)) return compression === 'none' ? 'zstd' : compression;
    if (compression === 'none' || isOffered(mode)) return 'none';
    if (this.#monotonic() < this.#compressAgainMs) return 'none';
    const isShort = (await this.#freeBytes()) < size / 2 + COMPRESS_HEADROOM_BYTES;
    return isShort ? 'none' : compression;
  }

  #runCompression(
    file: string,
    compression: 'gzip' | 'zstd',
    signal: AbortSignal,
  ): Promise<CompressedSegment> {
    const { spool, config } = this.#options;
    const onProgress = (): void => this.#moved(file);
    const { compression_level: level } = config.recorder;
    return compressSegment(spool, file, { compression, level, origin: this.#origin(), onProgress }, signal);
  }

  #offer(item: WorkItem): void {
    this.#toUpload.add(item);
    this.#uploadBell.ring();
  }

  async #uploadLoop(lane: number, lanes: number, signal: AbortSignal): Promise<void> {
    for (let turn = 0; ; turn++) {
      const prefersNewest = lanes === 1 ? turn % 2 === 0 : lane === 0;
      const item = await this.#nextUpload(prefersNewest ? 'newest' : 'oldest', signal);
      await this.#inHand(item.file, () => this.#upload(item, signal));
    }
  }

  async #nextUpload(order: Order, signal: AbortSignal): Promise<WorkItem> {
    for (;;) {
      await this.#gate.passable(signal);
      const item = this.#takeUpload(order, (file) => this.#gate.mayTry(file));
      if (item) return item;
      if (this.#toUpload.overflowed) this.#scanBell.ring();
      const waitMs = Math.min(this.#pollMs, this.#gate.nextMs() ?? Number.POSITIVE_INFINITY);
      await this.#uploadBell.wait(waitMs, signal);
    }
  }

  #takeUpload(order: Order, mayTake: (file: string) => boolean): WorkItem | undefined {
    return this.#toUpload.take(order, (file) => !this.#busy.has(file) && mayTake(file));
  }

  /** While the storage counts as down: one segment, rather one that has not failed before. */
  async #probe(signal: AbortSignal): Promise<void> {
    const item =
      this.#takeUpload('oldest', (file) => this.#gate.mayTry(file)) ?? this.#takeUpload('oldest', () => true);
    if (!item) return;
    const error = await this.#inHand(item.file, () => this.#upload(item, signal));
    if (error) throw error;
  }

  /** One attempt; what it failed with. */
  async #upload(item: WorkItem, signal: AbortSignal): Promise<Error | undefined> {
    this.#inFlight++;
    const renamedTo: string[] = [];
    try {
      if (item.compression !== 'none' && (await this.#returnToPlain(item))) return undefined;
      const tools = this.#tools(item.file, renamedTo);
      const known = this.#descriptions.get(item.file);
      this.#descriptions.delete(item.file);
      const done = await abortable(uploadSegment(tools, item.file, known, signal), signal);
      this.#gate.succeeded(item.file);
      this.#failures.succeeded(item.file);
      this.#countUploaded(done.bytes);
      await this.#afterUpload(done.file, signal);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return await this.#failed(item, renamedTo.at(-1) ?? item.file, error, signal);
    } finally {
      this.#inFlight--;
      for (const file of renamedTo) this.#busy.delete(file);
    }
  }

  /** A compressed segment beside its plain one is not certain to be whole yet. */
  async #returnToPlain(item: WorkItem): Promise<boolean> {
    const plain = segmentFile(parseSegmentFile(item.file)!, 'none');
    const exists = await stat(this.#options.spool.path('sealed', plain)).catch(() => undefined);
    if (!exists) return false;
    this.#toCompress.add({ ...item, file: plain, compression: 'none' });
    this.#compressBell.ring();
    return true;
  }

  async #failed(
    item: WorkItem,
    file: string,
    thrown: unknown,
    signal: AbortSignal,
  ): Promise<Error | undefined> {
    const code = thrown instanceof ChatlogError ? thrown.code : undefined;
    if (code === 'segment_missing') return undefined;
    if (code === 'segment_corrupt') {
      await this.#quarantine(file, errorText(thrown));
      return undefined;
    }
    const error =
      thrown instanceof ChatlogError
        ? thrown
        : new ChatlogError('upload_failed', `${file}: ${errorText(thrown)}`, {
            retryable: true,
            cause: thrown,
          });
    this.#failedAttempts++;
    this.#lastError = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    this.#failures.failed(file, error);
    this.#toUpload.add({ ...item, file });
    this.#gate.failed(file, error, signal);
    return error;
  }

  async #afterUpload(file: string, signal: AbortSignal): Promise<void> {
    const { log, store } = this.#options;
    try {
      if (await deleteUploaded(this.#sweepRules, file)) this.#census.uploadedFiles--;
    } catch (error) {
      log.warn({ file, err: errorText(error) }, 'cannot delete a verified segment; tried again later');
    }
    if (this.#storeIsSwept) return;
    this.#storeIsSwept = true;
    void store.sweep?.(signal).then(
      (swept) => {
        if (swept > 0) log.info({ swept }, 'removed what earlier uploads left unfinished');
      },
      (error: unknown) => log.debug({ err: errorText(error) }, 'cannot look for unfinished uploads'),
    );
  }

  async #sweepLoop(signal: AbortSignal): Promise<void> {
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

  async #quarantine(file: string, reason: string): Promise<void> {
    const name = await quarantine(this.#options.spool, file);
    if (name === undefined) return;
    this.#census.quarantinedFiles++;
    this.#options.log.error({ file, reason, quarantine: name }, 'a file in sealed/ was put into quarantine/');
  }

  async #hasTwin(file: string): Promise<boolean> {
    const twins = ['.zst', '.gz'].map((extension) =>
      stat(this.#options.spool.path('sealed', file + extension)),
    );
    return (await Promise.allSettled(twins)).some(({ status }) => status === 'fulfilled');
  }

  /** Keeps other workers off a segment, and its progress under watch. */
  async #inHand<T>(file: string, work: () => Promise<T>): Promise<T> {
    this.#busy.add(file);
    this.#moved(file);
    try {
      return await work();
    } finally {
      this.#busy.delete(file);
      this.#progress.delete(file);
    }
  }

  #moved(file: string): void {
    this.#progress.set(file, this.#monotonic());
  }

  #tools(file: string, renamedTo: string[]): UploadTools {
    const { spool, store, config } = this.#options;
    return {
      spool,
      store,
      keyPrefix: config.s3?.prefix ?? '',
      origin: this.#origin(),
      onProgress: () => this.#moved(file),
      onRename: (to) => {
        this.#busy.add(to);
        renamedTo.push(to);
        this.#options.log.info(
          { file, to },
          'the key is taken by other lines; the segment gets another name',
        );
      },
    };
  }

  #origin(): { formatVersion: number; instance: string } {
    return { formatVersion: RECORD_FORMAT_VERSION, instance: this.#options.config.instance };
  }

  #countUploaded(bytes: number): void {
    this.#uploaded++;
    this.#uploadedBytes += bytes;
    this.#lastProgressMs = this.#options.now();
    this.#lastError = undefined;
    const census = this.#census;
    census.uploadedFiles++;
    census.sealedFiles = Math.max(0, census.sealedFiles - 1);
    census.sealedBytes = Math.max(0, census.sealedBytes - bytes);
    if (census.sealedFiles === 0) census.oldestSealedMs = undefined;
    if (this.#toUpload.size === 0) this.#scanBell.ring();
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

/** Half-written compressions of an earlier run. */
async function emptyDirectory(path: string): Promise<void> {
  for await (const { name } of await opendir(path)) await unlink(`${path}/${name}`).catch(() => {});
}
