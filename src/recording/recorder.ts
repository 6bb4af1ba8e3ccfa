/**
 * From the channel to sealed segments: one loop, the only writer of `open/`.
 *
 * Each turn takes what waits in the channel, judges it, and adds it as a line to the segment of its channel and
 * hour. A commit appends and syncs all segments with waiting lines; it comes every flush interval, and at once when
 * one segment has `batch_size` lines waiting. Segments that are full or whose time is over are sealed: renamed into
 * `sealed/`.
 *
 * Bounds: the channel's (lines stay held there until recorded). Failures: a full disk keeps the lines and tries
 * again each interval (the channel fills, sockets wait); a broken file is given up at its recorded part and its
 * lines go to a new one; a directory that cannot be synced ends the process, whose next start recovers.
 */
import { existsSync } from 'node:fs';
import type { EventChannel } from '../channel/event-channel.ts';
import { heldBytes } from '../channel/event-channel.ts';
import type { Config } from '../config/schema.ts';
import { type CapturedEvent, type ChatEvent, eventType } from '../event.ts';
import type { Clock } from '../lib/clock.ts';
import { errorText } from '../lib/errors.ts';
import { forEachConcurrently } from '../lib/for-each-concurrently.ts';
import type { Logger } from '../lib/logger.ts';
import { formatTimestamp } from '../lib/timestamp.ts';
import { segmentFile } from '../segment-name.ts';
import type { Spool } from '../spool.ts';
import { type ChannelRecord, ChannelRecords } from './channel-record.ts';
import { OpenSegment } from './open-segment.ts';
import { isDrawn, judge, type RecordingPolicies } from './recording-policy.ts';
import type { SegmentFileSystem } from './segment-file-system.ts';
import { isFinished, windowOf } from './segment-window.ts';

export interface RecorderOptions {
  channel: EventChannel;
  spool: Spool;
  config: Config['recorder'];
  policies: RecordingPolicies;
  clock: Clock;
  fs: SegmentFileSystem;
  log: Logger;
  /** A segment lies in `sealed/`, durably. */
  onSealed(file: string): void;
  /** A file had to be given up; it lies in `recovered/`, good up to `goodBytes`. */
  onBroken(file: string, goodBytes: number): void;
}

export interface RecorderStatus {
  recorded: number;
  sampledOut: number;
  /** Events shed because the disk was nearly full. */
  dropped: number;
  openFiles: number;
  openBytes: number;
  freeBytes: number;
  /** The disk takes nothing at the moment: why. */
  diskTrouble: string | undefined;
  /** How long the last commit took. */
  lastCommitMs: number;
  /** Everything that came before is recorded; wall clock, ms. */
  certainUntilMs: number;
}

/** Files written and synced at the same time: as many as libuv has threads. */
const COMMIT_CONCURRENCY = 4;
/** Waiting events that wake the loop before its time. */
const WAKE_AT = 512;
/** Waiting text that starts a commit before its time, in characters. */
const COMMIT_AT_CHARS = 4 * 1024 * 1024;
const CHANNEL_RECORDS_MAX = 50_000;
const FREE_SPACE_CHECK_MS = 5_000;
const HOUSEKEEPING_MS = 1_000;

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #records: ChannelRecords;
  readonly #flushIntervalMs: number;
  #policies: RecordingPolicies;
  /** Every segment with a file in `open/` or lines waiting for one. */
  readonly #segments = new Map<OpenSegment, ChannelRecord>();
  #takenSequence = 0;
  #pendingChars = 0;
  #batchIsFull = false;
  #wake: (() => void) | undefined;
  #nextFlushMs: number;
  #nextHousekeepingMs = 0;
  #nextFreeSpaceCheckMs = 0;
  #freeBytes = Infinity;
  #isShedding = false;
  #recorded = 0;
  #diskTrouble: string | undefined;
  #lastCommitMs = 0;
  #certainUntilMs = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#policies = options.policies;
    this.#flushIntervalMs = options.config.flush_interval_seconds * 1000;
    this.#nextFlushMs = options.clock.monotonic() + this.#flushIntervalMs;
    this.#records = new ChannelRecords(
      CHANNEL_RECORDS_MAX,
      (platform, channel) => this.#policies.channels.get(platform)?.get(channel) ?? this.#policies.defaults,
    );
    options.channel.onPush = (waiting) => {
      if (waiting >= WAKE_AT) this.#wake?.();
    };
  }

  get channels(): Iterable<ChannelRecord> {
    return this.#records;
  }

  /** Takes effect with the next event. */
  setPolicies(policies: RecordingPolicies): void {
    this.#policies = policies;
    this.#records.refreshPolicies();
  }

  /**
   * Records until aborted; then takes what still waits, commits and seals everything, and returns. Rejects only
   * where recording cannot go on in this process.
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#nextTurn(signal);
      this.#absorb();
      const nowMs = this.#options.clock.monotonic();
      if (nowMs >= this.#nextFlushMs || this.#batchIsFull || this.#pendingChars >= COMMIT_AT_CHARS) {
        this.#nextFlushMs = nowMs + this.#flushIntervalMs;
        await this.#commit();
      }
      if (nowMs >= this.#nextHousekeepingMs) {
        this.#nextHousekeepingMs = nowMs + HOUSEKEEPING_MS;
        await this.#keepHouse();
      }
    }
    await this.#finish();
  }

  status(): RecorderStatus {
    let openBytes = 0;
    let sampledOut = 0;
    let dropped = 0;
    for (const segment of this.#segments.keys()) openBytes += segment.goodBytes;
    for (const record of this.#records) {
      sampledOut += record.sampledOut;
      dropped += record.shedTotal;
    }
    return {
      recorded: this.#recorded,
      sampledOut,
      dropped,
      openFiles: this.#segments.size,
      openBytes,
      freeBytes: this.#freeBytes,
      diskTrouble: this.#diskTrouble,
      lastCommitMs: this.#lastCommitMs,
      certainUntilMs: this.#certainUntilMs,
    };
  }

  /** Until a commit or housekeeping is due, enough events wait, or the signal aborts. */
  async #nextTurn(signal: AbortSignal): Promise<void> {
    if (signal.aborted || (this.#options.channel.waiting >= WAKE_AT && !this.#diskTrouble)) return;
    const untilMs = Math.min(this.#nextFlushMs, this.#nextHousekeepingMs) - this.#options.clock.monotonic();
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, untilMs));
      signal.addEventListener('abort', done, { once: true });
      if (!this.#diskTrouble) this.#wake = done;
    });
  }

  #absorb(): void {
    const { channel, clock } = this.#options;
    const { events, firstSequence } = channel.take();
    const nowMs = clock.now();
    const monotonicMs = clock.monotonic();
    let skipped = 0;
    let skippedBytes = 0;
    for (let index = 0; index < events.length; index++) {
      const captured = events[index]!;
      const bytes = heldBytes(captured.event);
      if (!this.#add(captured, bytes, firstSequence + index, nowMs, monotonicMs)) {
        skipped++;
        skippedBytes += bytes;
      }
    }
    this.#takenSequence = firstSequence + events.length - 1;
    if (skipped > 0) channel.release(skipped, skippedBytes);
  }

  /** False where the event is not to be recorded. */
  #add(
    captured: CapturedEvent,
    bytes: number,
    sequence: number,
    nowMs: number,
    monotonicMs: number,
  ): boolean {
    const { event } = captured;
    const record = this.#records.of(event.platform, event.channel);
    const { keep } = this.#policies;
    const verdict = judge(captured, record.policy, keep);
    if (verdict === 'presence') return false;
    if (verdict === 'sampled') {
      record.sampledOut++;
      return false;
    }
    const type = eventType(event);
    if (this.#isShedding && (type === 'join' || type === 'part' || type === 'presence')) {
      if (record.shed++ === 0) record.shedFromMs = nowMs;
      record.shedTotal++;
      return false;
    }
    if (isDrawn(captured, record.policy, keep)) event.sampling_rate = record.policy.samplingRate;
    const line = `${JSON.stringify(event)}\n`;
    const segment = this.#segmentFor(record, captured.timeMs, monotonicMs);
    segment.add(line, bytes, sequence, monotonicMs);
    this.#pendingChars += line.length;
    if (segment.pending.lines >= this.#options.config.batch_size) this.#batchIsFull = true;
    record.count(type, nowMs);
    if (event.source === undefined && type !== 'gap') record.lagMs = nowMs - captured.timeMs;
    return true;
  }

  #segmentFor(record: ChannelRecord, timeMs: number, monotonicMs: number): OpenSegment {
    const { rotate_bytes: rotateBytes, rotate_minutes: rotateMinutes } = this.#options.config;
    for (const segment of record.segments) {
      if (timeMs >= segment.window.startMs && timeMs < segment.window.endMs && segment.bytes < rotateBytes)
        return segment;
    }
    const { spool, fs } = this.#options;
    const file = this.#freeName(record, timeMs);
    const window = windowOf(timeMs, rotateMinutes);
    const segment = new OpenSegment(file, spool.path('open', file), window, fs, monotonicMs);
    record.segments.unshift(segment);
    this.#segments.set(segment, record);
    return segment;
  }

  /** A file name that no segment on this disk has, in whatever state. */
  #freeName(record: ChannelRecord, timeMs: number): string {
    for (let number = 1; ; number++) {
      const suffix = number === 1 ? '' : `-${number}`;
      const name = {
        platform: record.encodedPlatform,
        channel: record.encodedChannel,
        startMs: Math.floor(timeMs / 60_000) * 60_000,
        suffix,
      };
      const file = segmentFile(name, 'none');
      const isPending = record.segments.some((segment) => segment.file === file);
      if (!isPending && !this.#isTaken(file)) return file;
    }
  }

  /** Asked in the order in which a segment moves, so that none slips by. */
  #isTaken(file: string): boolean {
    const { spool } = this.#options;
    if (existsSync(spool.path('open', file)) || existsSync(spool.path('recovered', file))) return true;
    for (const directory of ['sealed', 'uploaded'] as const) {
      for (const extension of ['', '.gz', '.zst']) {
        if (existsSync(spool.path(directory, file + extension))) return true;
      }
    }
    return false;
  }

  /** Writes and syncs everything that waits; what the disk refuses goes on waiting. */
  async #commit(): Promise<void> {
    const { channel, clock, fs, spool } = this.#options;
    const startedMs = clock.monotonic();
    const absorbedAtMs = clock.now();
    const dirty = [...this.#segments.keys()].filter((segment) => segment.pending.lines > 0);
    this.#batchIsFull = false;
    this.#pendingChars = 0;
    let makesFiles = false;
    let trouble: unknown;
    const committed: OpenSegment[] = [];
    await forEachConcurrently(dirty, COMMIT_CONCURRENCY, async (segment) => {
      makesFiles ||= !segment.exists;
      const outcome = await segment.commit();
      if (outcome.ok) committed.push(segment);
      else trouble = outcome.error;
      if (!outcome.ok && outcome.kind === 'broken') await this.#giveUp(segment, outcome.error);
    });
    if (makesFiles) await fs.syncDirectory(spool.path('open'));
    this.#settle(committed);
    channel.recordedThrough(this.#recordedSequence());
    this.#lastCommitMs = clock.monotonic() - startedMs;
    if (trouble === undefined) this.#certainUntilMs = absorbedAtMs;
    this.#reportDisk(trouble);
  }

  #settle(committed: OpenSegment[]): void {
    let lines = 0;
    let bytes = 0;
    for (const segment of committed) {
      const settled = segment.settle();
      lines += settled.lines;
      bytes += settled.heldBytes;
    }
    this.#recorded += lines;
    if (lines > 0) this.#options.channel.release(lines, bytes);
  }

  /** The last sequence number before the oldest line that is not recorded. */
  #recordedSequence(): number {
    let oldest = this.#takenSequence + 1;
    for (const segment of this.#segments.keys()) oldest = Math.min(oldest, segment.oldestSequence);
    return oldest - 1;
  }

  /** The file is not to be trusted any more: its lines go to a new one of the same window. */
  async #giveUp(segment: OpenSegment, error: unknown): Promise<void> {
    const { clock, fs, log, spool, onBroken } = this.#options;
    const record = this.#segments.get(segment)!;
    log.error(
      { file: segment.file, err: errorText(error) },
      'file given up after a disk error; its lines go to a new one',
    );
    const lines = await segment.abandon();
    this.#forget(segment);
    const successor = this.#segmentFor(record, segment.window.startMs, clock.monotonic());
    successor.adopt(lines);
    try {
      if (segment.goodBytes === 0) await fs.unlink(segment.path);
      else await fs.rename(segment.path, spool.path('recovered', segment.file));
      if (segment.goodBytes > 0) onBroken(segment.file, segment.goodBytes);
    } catch (cause) {
      if (segment.exists)
        log.error(
          { file: segment.file, err: errorText(cause) },
          'cannot move the broken file; the next start takes it up',
        );
    }
  }

  #forget(segment: OpenSegment): void {
    const record = this.#segments.get(segment);
    this.#segments.delete(segment);
    if (record) record.segments = record.segments.filter((other) => other !== segment);
  }

  #reportDisk(trouble: unknown): void {
    const { log, spool } = this.#options;
    const text = trouble === undefined ? undefined : errorText(trouble);
    if (text !== undefined && text !== this.#diskTrouble) {
      log.error(
        { dir: spool.root, err: text },
        'the disk takes no more lines; they wait in memory, then sockets wait. Free some space',
      );
    } else if (text === undefined && this.#diskTrouble !== undefined) {
      log.info({ dir: spool.root }, 'the disk takes lines again; nothing was lost');
    }
    this.#diskTrouble = text;
  }

  async #keepHouse(): Promise<void> {
    const { clock, config } = this.#options;
    const nowMs = clock.now();
    const monotonicMs = clock.monotonic();
    const limits = { rotateBytes: config.rotate_bytes, idleSealMs: config.idle_seal_seconds * 1000 };
    const finished = [...this.#segments.keys()].filter((segment) =>
      isFinished(
        { window: segment.window, bytes: segment.bytes, idleMs: monotonicMs - segment.lastLineMs },
        nowMs,
        limits,
      ),
    );
    await this.#seal(finished);
    await this.#closeIdleFiles();
    if (monotonicMs >= this.#nextFreeSpaceCheckMs) {
      this.#nextFreeSpaceCheckMs = monotonicMs + FREE_SPACE_CHECK_MS;
      await this.#checkFreeSpace();
    }
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
    await fs.syncDirectory(spool.path('sealed'));
    await fs.syncDirectory(spool.path('open'));
    for (const file of sealed) onSealed(file);
  }

  async #closeIdleFiles(): Promise<void> {
    const open = [...this.#segments.keys()].filter((segment) => segment.isOpen);
    const excess = open.length - this.#options.config.max_open_files;
    if (excess <= 0) return;
    open.sort((a, b) => a.lastLineMs - b.lastLineMs);
    for (const segment of open.slice(0, excess)) await segment.close();
  }

  async #checkFreeSpace(): Promise<void> {
    const { config, fs, log, spool } = this.#options;
    try {
      this.#freeBytes = await fs.freeBytes(spool.root);
    } catch (error) {
      log.warn({ dir: spool.root, err: errorText(error) }, 'cannot tell how much disk is free');
      return;
    }
    const isLow = this.#freeBytes < config.min_free_bytes;
    if (isLow && !this.#isShedding) {
      log.error(
        { freeBytes: this.#freeBytes, floorBytes: config.min_free_bytes },
        'the disk is nearly full: joins and parts are no longer recorded',
      );
    } else if (!isLow && this.#isShedding) {
      log.info({ freeBytes: this.#freeBytes }, 'enough disk is free again');
      this.#writeShedGaps();
    }
    this.#isShedding = isLow;
  }

  /** What was shed is written down: one gap line per channel. */
  #writeShedGaps(): void {
    const { channel, clock } = this.#options;
    const nowMs = clock.now();
    for (const record of this.#records) {
      if (record.shed === 0) continue;
      const event: ChatEvent = {
        timestamp: formatTimestamp(record.shedFromMs),
        channel: record.channel,
        username: '',
        user_id: '',
        message: `${record.shed} joins and parts were not recorded: the disk was nearly full`,
        platform: record.platform,
        type: 'gap',
        received_at: formatTimestamp(nowMs),
        duration_seconds: Math.max(0, nowMs - record.shedFromMs) / 1000,
        reason: 'presence shed: disk nearly full',
        gap: { until: formatTimestamp(nowMs), backfill: 'none', filled: 0, dropped: record.shed },
      };
      record.shed = 0;
      channel.sink(record.platform).push({ event, timeMs: record.shedFromMs, identity: '', unsampled: true });
    }
  }

  async #finish(): Promise<void> {
    if (this.#isShedding) this.#writeShedGaps();
    this.#absorb();
    await this.#commit();
    const lost = [...this.#segments.keys()].reduce((sum, segment) => sum + segment.pending.lines, 0);
    if (lost > 0) {
      this.#options.log.error(
        { lines: lost },
        'the disk refused these lines until the end; where the platform has a history, the next start asks for them',
      );
    }
    await this.#seal([...this.#segments.keys()]);
  }
}
