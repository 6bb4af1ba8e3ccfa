/**
 * All segments in `open/`: finds the one for a line, commits those with waiting lines, seals those that are finished.
 *
 * Failures: what a full disk refuses goes on waiting; a broken file is given up at its recorded part and its lines go to
 * a new one; a directory that cannot be synced makes `commit` reject, after which this process cannot record.
 */
import type { Config } from '../config/schema.ts';
import type { Clock } from '../lib/clock.ts';
import { errorText } from '../lib/errors.ts';
import { forEachConcurrently } from '../lib/for-each-concurrently.ts';
import { isTaken } from '../lib/is-taken.ts';
import type { Logger } from '../lib/logger.ts';
import { segmentFile } from '../segment-name.ts';
import type { Spool, SpoolDirectory } from '../spool.ts';
import type { ChannelRecord } from './channel-record.ts';
import { OpenSegment } from './open-segment.ts';
import type { SegmentFileSystem } from './segment-file-system.ts';
import { isFinished, windowOf } from './segment-window.ts';

export interface OpenSegmentsOptions {
  spool: Spool;
  config: Config['recorder'];
  clock: Clock;
  fs: SegmentFileSystem;
  log: Logger;
  /** A segment lies in `sealed/`, durably. */
  onSealed(file: string): void;
  /** A file had to be given up; it lies in `recovered/`, good up to `goodBytes`. */
  onBroken(file: string, goodBytes: number): void;
}

/** What a commit did. */
export interface Committed {
  /** Lines that are recorded now... */
  lines: number;
  /** ...and what they counted for in the channel's bound. */
  heldBytes: number;
  /** What the disk refused; undefined where it took everything. */
  trouble: unknown;
}

/** Files written and synced at the same time: as many as libuv has threads. */
const COMMIT_CONCURRENCY = 4;
/** Hours of one channel that are written at the same time. */
const CHANNEL_SEGMENTS_MAX = 64;

export class OpenSegments {
  readonly #options: OpenSegmentsOptions;
  /** Every segment with a file in `open/` or lines waiting for one. */
  readonly #segments = new Map<OpenSegment, ChannelRecord>();
  /** Their names, also of those whose file is not made yet. */
  readonly #files = new Set<string>();
  /** Those that get no more lines, though they are not full and their time is not over. */
  readonly #retired = new Set<OpenSegment>();
  /** As configured, or as the system turns out to allow. */
  #openFilesMax: number;

  constructor(options: OpenSegmentsOptions) {
    this.#options = options;
    this.#openFilesMax = options.config.max_open_files;
  }

  get size(): number {
    return this.#segments.size;
  }

  /** Bytes recorded in them. */
  get bytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.keys()) bytes += segment.goodBytes;
    return bytes;
  }

  /** Lines that no commit has taken yet. */
  get waitingLines(): number {
    let lines = 0;
    for (const segment of this.#segments.keys()) lines += segment.pending.lines;
    return lines;
  }

  /** Sequence number of the oldest line that is not recorded; Infinity where all are. */
  get oldestSequence(): number {
    let oldest = Infinity;
    for (const segment of this.#segments.keys()) oldest = Math.min(oldest, segment.oldestSequence);
    return oldest;
  }

  /** The segment of a channel for a line of this time, begun where there is none with room. */
  segmentFor(record: ChannelRecord, timeMs: number): OpenSegment {
    const { rotate_bytes: rotateBytes, rotate_minutes: rotateMinutes } = this.#options.config;
    const window = windowOf(timeMs, rotateMinutes);
    const current = record.segments.get(window.startMs);
    if (current && current.bytes < rotateBytes) return current;
    const { spool, fs, clock } = this.#options;
    const file = this.#freeName(record, timeMs);
    const segment = new OpenSegment(file, spool.path('open', file), window, fs, clock.monotonic());
    this.#retireOldest(record);
    record.segments.set(window.startMs, segment);
    this.#segments.set(segment, record);
    this.#files.add(file);
    return segment;
  }

  /**
   * Writes and syncs what waits: everything, or only the segments with so many lines. Not to be called again before it
   * returned.
   */
  async commit(linesMin = 1): Promise<Committed> {
    const dirty = [...this.#segments.keys()].filter(({ pending }) => pending.lines >= linesMin);
    let makesFiles = false;
    let trouble: unknown;
    let open = this.#openFiles().length;
    const written: OpenSegment[] = [];
    await forEachConcurrently(dirty, COMMIT_CONCURRENCY, async (segment) => {
      makesFiles ||= !segment.exists;
      if (!segment.isOpen) open++;
      const outcome = await segment.commit();
      if (outcome.ok) written.push(segment);
      else trouble = outcome.error;
      if (!outcome.ok && outcome.kind === 'broken') await this.#giveUp(segment, outcome.error);
      if (!outcome.ok && isOutOfFiles(outcome.error)) {
        this.#openFilesMax = fewerThan(this.#openFilesMax, open);
      }
      if (open > this.#openFilesMax) {
        await this.#close(segment);
        open--;
      }
    });
    // A file counts only when its name is durable, too.
    if (makesFiles) await this.#syncDirectory('open');
    const committed: Committed = { lines: 0, heldBytes: 0, trouble };
    for (const segment of written) {
      const settled = segment.settle();
      committed.lines += settled.lines;
      committed.heldBytes += settled.heldBytes;
    }
    return committed;
  }

  /** Seals what is full or over, and closes the longest idle files beyond the limit. */
  async sealFinished(): Promise<void> {
    const { clock, config } = this.#options;
    const nowMs = clock.now();
    const monotonicMs = clock.monotonic();
    const limits = { rotateBytes: config.rotate_bytes, idleSealMs: config.idle_seal_seconds * 1000 };
    const finished = [...this.#segments.keys()].filter((segment) => {
      const { window, bytes, lastLineMs } = segment;
      if (this.#retired.has(segment)) return true;
      return isFinished({ window, bytes, idleMs: monotonicMs - lastLineMs }, nowMs, limits);
    });
    await this.#seal(finished);
    await this.#closeIdleFiles();
  }

  async sealFiles(files: ReadonlySet<string>): Promise<void> {
    await this.#seal([...this.#segments.keys()].filter(({ file }) => files.has(file)));
  }

  /** At the end: seals all but those whose lines the disk refuses. */
  async sealAll(): Promise<void> {
    await this.#seal([...this.#segments.keys()]);
  }

  /** Those with lines still waiting stay open. */
  async #seal(segments: OpenSegment[]): Promise<void> {
    const { fs, log, spool, onSealed } = this.#options;
    const sealed: string[] = [];
    for (const segment of segments) {
      if (segment.pending.lines > 0) continue;
      this.#forget(segment);
      try {
        await segment.close();
        if (segment.lines > 0) {
          await fs.rename(segment.path, spool.path('sealed', segment.file));
          sealed.push(segment.file);
        } else if (segment.exists) await fs.unlink(segment.path);
      } catch (error) {
        log.error(
          { file: segment.file, err: errorText(error) },
          'cannot seal the file; the next start takes it up',
        );
      }
    }
    if (sealed.length === 0) return;
    await this.#syncDirectory('sealed');
    await this.#syncDirectory('open');
    for (const file of sealed) onSealed(file);
  }

  /** Needs a file handle for a moment: where there is none, some of ours are given back. */
  async #syncDirectory(directory: SpoolDirectory): Promise<void> {
    const { fs, spool } = this.#options;
    try {
      await fs.syncDirectory(spool.path(directory));
    } catch (error) {
      if (!isOutOfFiles(error)) throw error;
      this.#openFilesMax = fewerThan(this.#openFilesMax, this.#openFiles().length);
      await this.#closeIdleFiles();
      await fs.syncDirectory(spool.path(directory));
    }
  }

  async #closeIdleFiles(): Promise<void> {
    const open = this.#openFiles();
    const excess = open.length - this.#openFilesMax;
    if (excess <= 0) return;
    open.sort((a, b) => a.lastLineMs - b.lastLineMs);
    for (const segment of open.slice(0, excess)) await this.#close(segment);
  }

  /** What is recorded is synced: an error of closing changes nothing about it. */
  async #close(segment: OpenSegment): Promise<void> {
    try {
      await segment.close();
    } catch (error) {
      this.#options.log.warn({ file: segment.file, err: errorText(error) }, 'closing a file failed');
    }
  }

  /** A channel whose lines are of ever other hours must not keep ever more files open. */
  #retireOldest(record: ChannelRecord): void {
    if (record.segments.size < CHANNEL_SEGMENTS_MAX) return;
    let oldest: OpenSegment | undefined;
    for (const segment of record.segments.values()) {
      if (!oldest || segment.lastLineMs < oldest.lastLineMs) oldest = segment;
    }
    record.segments.delete(oldest!.window.startMs);
    this.#retired.add(oldest!);
  }

  #openFiles(): OpenSegment[] {
    return [...this.#segments.keys()].filter((segment) => segment.isOpen);
  }

  /** The file is not to be trusted any more: its lines go to a new one of the same window. */
  async #giveUp(segment: OpenSegment, error: unknown): Promise<void> {
    const { fs, log, spool, onBroken } = this.#options;
    const record = this.#segments.get(segment)!;
    log.error(
      { file: segment.file, err: errorText(error) },
      'file given up after a disk error; its lines go to a new one',
    );
    const lines = await segment.abandon();
    this.#forget(segment);
    this.segmentFor(record, segment.window.startMs).adopt(lines);
    try {
      if (segment.goodBytes === 0) await fs.unlink(segment.path);
      else await fs.rename(segment.path, spool.path('recovered', segment.file));
      if (segment.goodBytes > 0) onBroken(segment.file, segment.goodBytes);
    } catch (cause) {
      if (!segment.exists) return;
      log.error(
        { file: segment.file, err: errorText(cause) },
        'cannot move the broken file; the next start takes it up',
      );
    }
  }

  #forget(segment: OpenSegment): void {
    const record = this.#segments.get(segment);
    this.#segments.delete(segment);
    this.#retired.delete(segment);
    this.#files.delete(segment.file);
    const { startMs } = segment.window;
    if (record?.segments.get(startMs) === segment) record.segments.delete(startMs);
  }

  /** A file name that no segment on this disk has, in whatever state. */
  #freeName(record: ChannelRecord, timeMs: number): string {
    for (let number = 1; ; number++) {
      const name = {
        platform: record.encodedPlatform,
        channel: record.encodedChannel,
        startMs: Math.floor(timeMs / 60_000) * 60_000,
        suffix: number === 1 ? '' : `-${number}`,
      };
      const file = segmentFile(name, 'none');
      if (!this.#files.has(file) && !this.#isTaken(file)) return file;
    }
  }

  /** Asked in the order in which a segment moves, so that none slips by. */
  #isTaken(file: string): boolean {
    const { spool } = this.#options;
    if (isTaken(spool.path('open', file)) || isTaken(spool.path('recovered', file))) return true;
    for (const directory of ['sealed', 'uploaded'] as const) {
      for (const extension of ['', '.gz', '.zst']) {
        if (isTaken(spool.path(directory, file + extension))) return true;
      }
    }
    return false;
  }
}

function isOutOfFiles(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Leaves room for sockets, uploads and the rest of the process. */
function fewerThan(limit: number, open: number): number {
  return Math.max(COMMIT_CONCURRENCY, Math.min(limit, Math.floor(open * 0.75)));
}
