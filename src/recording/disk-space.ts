/** Watches the free space of the spool: below the floor, presence is shed before messages are in danger. */
import type { Clock } from '../lib/clock.ts';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { SegmentFileSystem } from './segment-file-system.ts';

export interface DiskSpaceOptions {
  /** Any directory of the file system. */
  root: string;
  minFreeBytes: number;
  clock: Clock;
  fs: SegmentFileSystem;
  log: Logger;
}

const CHECK_MS = 5_000;

export class DiskSpace {
  readonly #options: DiskSpaceOptions;
  #nextCheckMs = 0;
  #freeBytes = Infinity;
  #isLow = false;

  constructor(options: DiskSpaceOptions) {
    this.#options = options;
  }

  /** Infinity until it was asked for. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  /** Asks every few seconds. True where there is enough again after there was not. */
  async check(): Promise<boolean> {
    const { root, minFreeBytes, clock, fs, log } = this.#options;
    const nowMs = clock.monotonic();
    if (nowMs < this.#nextCheckMs) return false;
    this.#nextCheckMs = nowMs + CHECK_MS;
    try {
      this.#freeBytes = await fs.freeBytes(root);
    } catch (error) {
      log.warn({ dir: root, err: errorText(error) }, 'cannot tell how much disk is free');
      return false;
    }
    const wasLow = this.#isLow;
    this.#isLow = this.#freeBytes < minFreeBytes;
    if (this.#isLow && !wasLow) {
      log.error(
        { freeBytes: this.#freeBytes, floorBytes: minFreeBytes },
        'the disk is nearly full: joins and parts are no longer recorded',
      );
    } else if (!this.#isLow && wasLow) log.info({ freeBytes: this.#freeBytes }, 'enough disk is free again');
    return wasLow && !this.#isLow;
  }
}
