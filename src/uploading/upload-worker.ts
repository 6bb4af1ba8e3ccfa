/**
 * Uploads sealed segments in `upload.concurrency` lanes. The first lane takes the newest segment, so that days of backlog
 * delay live ones by one upload at most, the others the oldest; a single lane alternates. Every failure is retried for
 * ever (`store-gate.ts`): whoever may try now, does.
 */
import { stat } from 'node:fs/promises';
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { parseSegmentFile, segmentFile } from '../segment-name.ts';
import type { Spool } from '../spool.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { SegmentOrigin } from './describe-segment.ts';
import { FailureLog } from './failure-log.ts';
import { StoreGate } from './store-gate.ts';
import { type UploadedSegment, type UploadTools, uploadSegment } from './upload-segment.ts';
import type { Order, WorkItem } from './work-list.ts';
import type { Workbench } from './workbench.ts';

export interface UploadWorkerOptions {
  spool: Spool;
  store: ObjectStore;
  bench: Workbench;
  origin: SegmentOrigin;
  concurrency: number;
  backoffMinMs: number;
  backoffMaxMs: number;
  log: Logger;
  monotonic: () => number;
  random: () => number;
  /** How long to wait when nobody rings. */
  pollMs: number;
  onUploaded: (segment: UploadedSegment, signal: AbortSignal) => Promise<void>;
  /** A file that does not decompress. */
  onCorrupt: (file: string, reason: string) => Promise<void>;
}

export class UploadWorker {
  readonly #options: UploadWorkerOptions;
  readonly #gate: StoreGate;
  readonly #failures: FailureLog;
  #inFlight = 0;
  #failedAttempts = 0;
  #lastError: string | undefined;

  constructor(options: UploadWorkerOptions) {
    this.#options = options;
    this.#failures = new FailureLog(options.log, options.store.name, options.monotonic);
    this.#gate = new StoreGate({
      minMs: options.backoffMinMs,
      maxMs: options.backoffMaxMs,
      monotonic: options.monotonic,
      random: options.random,
      probe: (signal) => this.#probe(signal),
    });
  }

  get status(): { inFlight: number; failedAttempts: number; lastError: string | undefined } {
    return { inFlight: this.#inFlight, failedAttempts: this.#failedAttempts, lastError: this.#lastError };
  }

  /** One for each lane, to be run side by side. Each rejects on abort, or on a defect. */
  lanes(signal: AbortSignal): Promise<never>[] {
    const { concurrency, store } = this.#options;
    const lanes = Math.min(concurrency, store.concurrencyMax ?? Number.POSITIVE_INFINITY);
    return Array.from({ length: lanes }, (_, lane) => this.#run(lane, lanes, signal));
  }

  async #run(lane: number, lanes: number, signal: AbortSignal): Promise<never> {
    for (let turn = 0; ; turn++) {
      const prefersNewest = lanes === 1 ? turn % 2 === 0 : lane === 0;
      const item = await this.#next(prefersNewest ? 'newest' : 'oldest', signal);
      await this.#attempt(item, signal);
    }
  }

  async #next(order: Order, signal: AbortSignal): Promise<WorkItem> {
    const { bench, pollMs } = this.#options;
    for (;;) {
      await this.#gate.passable(signal);
      const item = this.#take(order, (file) => this.#gate.mayTry(file));
      if (item) return item;
      if (bench.toUpload.overflowed) bench.scanBell.ring();
      await bench.uploadBell.wait(Math.min(pollMs, this.#gate.nextMs() ?? pollMs), signal);
    }
  }

  #take(order: Order, mayTake: (file: string) => boolean): WorkItem | undefined {
    const { bench } = this.#options;
    return bench.toUpload.take(order, (file) => !bench.isBusy(file) && mayTake(file));
  }

  /** While the storage counts as down: one segment, rather one that has not failed before. */
  async #probe(signal: AbortSignal): Promise<void> {
    const item = this.#take('oldest', (file) => this.#gate.mayTry(file)) ?? this.#take('oldest', () => true);
    if (!item) return;
    const error = await this.#attempt(item, signal);
    if (error) throw error;
  }

  #attempt(item: WorkItem, signal: AbortSignal): Promise<Error | undefined> {
    return this.#options.bench.inHand(item.file, () => this.#upload(item, signal));
  }

  /** One attempt; what it failed with. */
  async #upload(item: WorkItem, signal: AbortSignal): Promise<Error | undefined> {
    const { bench, onUploaded } = this.#options;
    const aliases: string[] = [];
    this.#inFlight++;
    try {
      if (await this.#isBesidePlain(item)) return undefined;
      const known = bench.takeDescription(item.file);
      const done = await abortable(
        uploadSegment(this.#tools(item, aliases), item.file, known, signal),
        signal,
      );
      this.#gate.succeeded(item.file);
      this.#failures.succeeded(item.file);
      this.#lastError = undefined;
      await onUploaded(done, signal);
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      return await this.#failed({ ...item, file: aliases.at(-1) ?? item.file }, error, signal);
    } finally {
      this.#inFlight--;
      for (const file of aliases) bench.dropAlias(file);
    }
  }

  /** A compressed segment beside its plain one is not certain to be whole: the compress worker settles that first. */
  async #isBesidePlain(item: WorkItem): Promise<boolean> {
    if (item.compression === 'none') return false;
    const { bench, spool } = this.#options;
    const plain = segmentFile(parseSegmentFile(item.file)!, 'none');
    if (!(await stat(spool.path('sealed', plain)).catch(() => undefined))) return false;
    bench.offerForCompression({ ...item, file: plain, compression: 'none' });
    return true;
  }

  async #failed(item: WorkItem, thrown: unknown, signal: AbortSignal): Promise<Error | undefined> {
    const { bench, onCorrupt } = this.#options;
    const code = thrown instanceof ChatlogError ? thrown.code : undefined;
    if (code === 'segment_missing') return undefined;
    if (code === 'segment_corrupt') {
      await onCorrupt(item.file, errorText(thrown));
      return undefined;
    }
    const error =
      thrown instanceof ChatlogError
        ? thrown
        : new ChatlogError('upload_failed', `${item.file}: ${errorText(thrown)}`, {
            retryable: true,
            cause: thrown,
          });
    this.#failedAttempts++;
    this.#lastError = error.hint === undefined ? error.message : `${error.message} (${error.hint})`;
    this.#failures.failed(item.file, error);
    bench.offerForUpload(item);
    this.#gate.failed(item.file, error, signal);
    return error;
  }

  #tools({ file }: WorkItem, aliases: string[]): UploadTools {
    const { spool, store, origin, bench, log } = this.#options;
    return {
      spool,
      store,
      origin,
      onProgress: () => bench.moved(file),
      onRename: (to) => {
        bench.alias(to);
        aliases.push(to);
        log.info({ file, to }, 'the key is taken by other lines; the segment gets another name');
      },
    };
  }
}
