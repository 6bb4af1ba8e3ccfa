/**
 * Compresses sealed segments, one at a time, newest and oldest by turns. Never waits for the storage, so that a backlog
 * is a compressed backlog. What cannot be compressed (no disk, `compression: none`) is uploaded as it is.
 */
import { stat } from 'node:fs/promises';
import type { Config } from '../config/schema.ts';
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { isMissing, systemErrorCode } from '../lib/system-error.ts';
import type { Spool } from '../spool.ts';
import { compressSegment } from './compress-segment.ts';
import type { SegmentOrigin } from './describe-segment.ts';
import { isOffered } from './upload-segment.ts';
import type { WorkItem } from './work-list.ts';
import type { Workbench } from './workbench.ts';

export interface CompressWorkerOptions {
  spool: Spool;
  bench: Workbench;
  config: Pick<Config['recorder'], 'compression' | 'compression_level'>;
  origin: SegmentOrigin;
  log: Logger;
  monotonic: () => number;
  freeBytes: () => Promise<number>;
  /** How long to wait when nobody rings. */
  pollMs: number;
}

const DISK_FULL_PAUSE_MS = 30_000;
/** Compressing needs disk for the result, for a moment; it frees more than it takes. */
const HEADROOM_BYTES = 4 * 1024 * 1024;

export class CompressWorker {
  readonly #options: CompressWorkerOptions;
  #notBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: CompressWorkerOptions) {
    this.#options = options;
  }

  /** Rejects on abort, or on a defect. */
  async run(signal: AbortSignal): Promise<never> {
    const { bench, pollMs } = this.#options;
    for (let turn = 0; ; turn++) {
      const order = turn % 2 === 0 ? 'newest' : 'oldest';
      const item = bench.toCompress.take(order, (file) => !bench.isBusy(file));
      if (item) {
        await bench.inHand(item.file, () => this.#work(item, signal));
      } else {
        if (bench.toCompress.overflowed) bench.scanBell.ring();
        await bench.compressBell.wait(pollMs, signal);
      }
    }
  }

  /** Whatever comes of it, the segment goes on: compressed, or as it is. */
  async #work(item: WorkItem, signal: AbortSignal): Promise<void> {
    const { spool, bench, config, origin, log } = this.#options;
    const { file } = item;
    try {
      const compression = await this.#choose(file);
      if (compression === 'none') return bench.offerForUpload(item);
      const level = config.compression_level;
      const options = { compression, level, origin, onProgress: () => bench.moved(file) };
      const done = await abortable(compressSegment(spool, file, options, signal), signal);
      bench.offerForUpload({ ...item, file: done.file, compression }, done.description);
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof ChatlogError ? error.code : systemErrorCode(error);
      if (code === 'segment_missing') return bench.scanBell.ring();
      if (await this.#hasTwin(file)) {
        // The compressed copy is in place and will be uploaded: this one as well would double its lines.
        log.warn(
          { file, code, err: errorText(error) },
          'cannot settle two copies of a segment; tried again later',
        );
        return;
      }
      if (code === 'ENOSPC' || code === 'EDQUOT') {
        this.#notBeforeMs = this.#options.monotonic() + DISK_FULL_PAUSE_MS;
      }
      log.warn({ file, code, err: errorText(error) }, 'cannot compress a segment; it is uploaded as it is');
      bench.offerForUpload(item);
    }
  }

  async #choose(file: string): Promise<'none' | 'gzip' | 'zstd'> {
    const { spool, config, monotonic, freeBytes } = this.#options;
    const { compression } = config;
    const { size, mode } = await stat(spool.path('sealed', file)).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
      throw new ChatlogError('segment_missing', `${file} is gone`, { cause: error });
    });
    // What a crash left in two copies is settled by the compression, even where nothing else would be compressed.
    if (await this.#hasTwin(file)) return compression === 'none' ? 'zstd' : compression;
    if (compression === 'none' || isOffered(mode) || monotonic() < this.#notBeforeMs) return 'none';
    return (await freeBytes()) < size / 2 + HEADROOM_BYTES ? 'none' : compression;
  }

  async #hasTwin(file: string): Promise<boolean> {
    const twins = ['.zst', '.gz'].map((extension) =>
      stat(this.#options.spool.path('sealed', file + extension)),
    );
    return (await Promise.allSettled(twins)).some(({ status }) => status === 'fulfilled');
  }
}
