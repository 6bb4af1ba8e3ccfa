/**
 * From the channel to sealed segments: one loop, the only writer of `open/`.
 *
 * Each turn takes what waits in the channel, judges it, and adds it as a line to the segment of its channel and
 * hour. A commit appends and syncs all segments with waiting lines; it comes every flush interval. A segment that has
 * `batch_size` lines waiting is committed at once. Segments that are full or whose time is over are sealed: renamed into
 * `sealed/`.
 *
 * Bounds: the channel's (lines stay held there until recorded). Failures: a full disk keeps the lines and tries
 * again each interval (the channel fills, sockets wait); a broken file is given up at its recorded part and its
 * lines go to a new one; a directory that cannot be synced ends the process, whose next start recovers.
 */
import type { EventChannel } from '../channel/event-channel.ts';
import { heldBytes } from '../channel/event-channel.ts';
import type { LiveFeed } from '../channel/live-feed.ts';
import { type CapturedEvent, type ChatEvent, eventType } from '../event.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import { formatTimestamp } from '../lib/timestamp.ts';
import { OPEN_GATE, type PrivacyGate } from '../privacy/privacy-gate.ts';
import { withhold } from '../privacy/withhold.ts';
import { type ChannelRecord, ChannelRecords } from './channel-record.ts';
import { DiskSpace } from './disk-space.ts';
import { type Committed, OpenSegments, type OpenSegmentsOptions } from './open-segments.ts';
import { isDrawn, isPresence, judge, type RecordingPolicies } from './recording-policy.ts';

export interface RecorderOptions extends OpenSegmentsOptions {
  channel: EventChannel;
  policies: RecordingPolicies;
  /** Nobody asked for anything when left out. */
  privacy?: PrivacyGate;
  /** Told of each line that is taken for recording. */
  live?: Pick<LiveFeed, 'publish'>;
  /** Somebody said a live message that begins with `!`. */
  onCommand?: (event: ChatEvent) => void;
}

export interface RecorderStatus {
  recorded: number;
  sampledOut: number;
  /** Events of and about people and channels that opted out, and of people who were forgotten. */
  withheld: number;
  /** Events shed because the disk was nearly full. */
  dropped: number;
  openFiles: number;
  openBytes: number;
  freeBytes: number;
  /** The disk takes nothing at the moment: why. */
  diskTrouble: string | undefined;
  /** How long the last commit took. */
  lastCommitMs: number;
  /** How long ago everything that had come by then was recorded; measured, so that no jump of the clock counts. */
  sinceCommitMs: number;
}

/** Waiting events that wake the loop before its time. */
const WAKE_AT = 512;
/** Waiting text that starts a commit before its time, in characters. */
const COMMIT_AT_CHARS = 4 * 1024 * 1024;
const CHANNEL_RECORDS_MAX = 50_000;
const HOUSEKEEPING_MS = 1_000;
const EXCLAMATION_MARK = 0x21;

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #records: ChannelRecords;
  readonly #segments: OpenSegments;
  readonly #diskSpace: DiskSpace;
  readonly #flushIntervalMs: number;
  readonly #privacy: PrivacyGate;
  #policies: RecordingPolicies;
  #takenSequence = 0;
  #pendingChars = 0;
  #batchIsFull = false;
  #wake: (() => void) | undefined;
  #nextFlushMs: number;
  #nextHousekeepingMs = 0;
  readonly #toSeal: { files: ReadonlySet<string>; sealed: PromiseWithResolvers<void> }[] = [];
  #recorded = 0;
  #withheld = 0;
  #diskTrouble: string | undefined;
  #lastCommitMs = 0;
  #certainUntilMs: number;
  /** Monotonic time of {@link #certainUntilMs}. */
  #committedAtMs: number;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#policies = options.policies;
    this.#privacy = options.privacy ?? OPEN_GATE;
    this.#segments = new OpenSegments(options);
    this.#diskSpace = new DiskSpace({
      ...options,
      root: options.spool.root,
      minFreeBytes: options.config.min_free_bytes,
    });
    this.#flushIntervalMs = options.config.flush_interval_seconds * 1000;
    // Of what came before this run there is nothing to record.
    this.#certainUntilMs = options.clock.now();
    this.#committedAtMs = options.clock.monotonic();
    this.#nextFlushMs = this.#committedAtMs + this.#flushIntervalMs;
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

  /** Everything that came before is recorded; wall clock, ms. */
  get certainUntilMs(): number {
    return this.#certainUntilMs;
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
      if (nowMs >= this.#nextFlushMs || this.#pendingChars >= COMMIT_AT_CHARS) {
        this.#nextFlushMs = nowMs + this.#flushIntervalMs;
        await this.#commit();
      } else if (this.#batchIsFull) await this.#commitFull();
      if (this.#toSeal.length > 0) await this.#sealAsked();
      if (nowMs >= this.#nextHousekeepingMs) {
        this.#nextHousekeepingMs = nowMs + HOUSEKEEPING_MS;
        await this.#segments.sealFinished();
        if (await this.#diskSpace.check()) this.#writeShedGaps();
      }
    }
    await this.#finish();
  }

  /**
   * Records what waits and seals these files of `open/`, so that somebody may rewrite them. Rejects with `disk_trouble`
   * where lines wait that the disk refuses: somebody who looks at files would miss them.
   */
  seal(files: ReadonlySet<string>): Promise<void> {
    const sealed = Promise.withResolvers<void>();
    this.#toSeal.push({ files, sealed });
    this.#wake?.();
    return sealed.promise;
  }

  status(): RecorderStatus {
    let sampledOut = 0;
    let dropped = 0;
    for (const record of this.#records) {
      sampledOut += record.sampledOut;
      dropped += record.shedTotal;
    }
    return {
      recorded: this.#recorded,
      sampledOut,
      withheld: this.#withheld,
      dropped,
      openFiles: this.#segments.size,
      openBytes: this.#segments.bytes,
      freeBytes: this.#diskSpace.freeBytes,
      diskTrouble: this.#diskTrouble,
      lastCommitMs: this.#lastCommitMs,
      sinceCommitMs: this.#options.clock.monotonic() - this.#committedAtMs,
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
      const bytes = heldBytes(captured);
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
    const event = this.#permitted(captured);
    if (!event) return false;
    const record = this.#records.of(event.platform, event.channel);
    const { keep } = this.#policies;
    const verdict = judge(captured, record.policy, keep);
    if (verdict === 'presence') return false;
    if (verdict === 'sampled') {
      record.sampledOut++;
      return false;
    }
    const type = eventType(event);
    if (this.#diskSpace.isLow && isPresence(captured)) {
      if (record.shed++ === 0) record.shedFromMs = nowMs;
      record.shedTotal++;
      return false;
    }
    if (isDrawn(captured, record.policy, keep)) event.sampling_rate = record.policy.samplingRate;
    const line = `${JSON.stringify(event)}\n`;
    const segment = this.#segments.segmentFor(record, captured.timeMs);
    segment.add(line, bytes, sequence, monotonicMs);
    this.#options.live?.publish(event, line);
    this.#pendingChars += line.length;
    if (segment.pending.lines >= this.#options.config.batch_size) this.#batchIsFull = true;
    record.count(type, nowMs);
    if (event.source === undefined && type !== 'gap') record.lagMs = nowMs - captured.timeMs;
    return true;
  }

  /** The event as it may be recorded, undefined where it may not. */
  #permitted({ event, timeMs }: CapturedEvent): ChatEvent | undefined {
    if (!this.#privacy.isEmpty) {
      const verdict = withhold(event, timeMs, this.#privacy);
      if (verdict === 'remove') {
        this.#withheld++;
        return undefined;
      }
      if (verdict !== 'keep') return verdict;
    }
    if (event.message.charCodeAt(0) === EXCLAMATION_MARK && event.source === undefined)
      this.#options.onCommand?.(event);
    return event;
  }

  /** Writes and syncs everything that waits; what the disk refuses goes on waiting. */
  async #commit(): Promise<void> {
    const startedMs = this.#options.clock.monotonic();
    const absorbedAtMs = this.#options.clock.now();
    this.#batchIsFull = false;
    this.#pendingChars = 0;
    const { trouble } = await this.#settle(this.#segments.commit());
    this.#lastCommitMs = this.#options.clock.monotonic() - startedMs;
    if (trouble === undefined) {
      this.#certainUntilMs = absorbedAtMs;
      this.#committedAtMs = startedMs;
    }
    this.#reportDisk(trouble);
  }

  /** Before its time, and only where a batch is full: a busy channel does not make the quiet ones sync with it. */
  async #commitFull(): Promise<void> {
    this.#batchIsFull = false;
    await this.#settle(this.#segments.commit(this.#options.config.batch_size));
  }

  async #sealAsked(): Promise<void> {
    await this.#commit();
    for (const { files, sealed } of this.#toSeal.splice(0)) {
      await this.#segments.sealFiles(files);
      if (this.#segments.waitingLines === 0) sealed.resolve();
      else
        sealed.reject(
          new ChatlogError('disk_trouble', 'the disk refuses lines that wait', { retryable: true }),
        );
    }
  }

  async #settle(committing: Promise<Committed>): Promise<Committed> {
    const { channel } = this.#options;
    const committed = await committing;
    this.#recorded += committed.lines;
    if (committed.lines > 0) channel.release(committed.lines, committed.heldBytes);
    channel.recordedThrough(Math.min(this.#takenSequence, this.#segments.oldestSequence - 1));
    return committed;
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
    this.#writeShedGaps();
    this.#absorb();
    await this.#commit();
    const lost = this.#segments.waitingLines;
    if (lost > 0) {
      this.#options.log.error(
        { lines: lost },
        'the disk refused these lines until the end; where the platform has a history, the next start asks for them',
      );
    }
    await this.#segments.sealAll();
    for (const { sealed } of this.#toSeal.splice(0)) sealed.resolve();
  }
}
