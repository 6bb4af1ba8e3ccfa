/**
 * Until when each channel's feed is certainly recorded: the state behind gap lines, kept in `state/coverage.json`.
 *
 * A channel is `live` while its connector vouches for the feed; then its coverage follows the connection's last byte.
 * When the feed comes back after a loss, a restart or a first join, the stretch in between is a gap, which stays
 * open until the connector has tried to fill it. What is on disk is never ahead of the last commit, and not ahead
 * of a gap whose line is not recorded: after a crash the same gap opens again. The file also says which feeds were
 * live and without a gap: only those may have been certain for longer than the file knows.
 *
 * The wall clock may jump: what was certain in a time that has not come yet is certain until now.
 *
 * The file is written every few seconds by rename; a missing or unreadable one means that nothing is known.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { EventChannel } from '../channel/event-channel.ts';
import type { Coverage, Gap } from '../connectors/connector.ts';
import type { BackfillOutcome, ChatEvent } from '../event.ts';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { formatTimestamp } from '../lib/timestamp.ts';
import { channelPath, parseSegmentFile } from '../segment-name.ts';
import { type Spool, syncDirectory } from '../spool.ts';
import { windowOf } from './segment-window.ts';

/** How often the coverage is written; after a crash it is at most so much behind. */
export const CHECKPOINT_MS = 10_000;

/** A new channel and a lost feed are written so soon: a crash before that, and the gap would not be known. */
const CHANGE_CHECKPOINT_MS = 250;

/** A checkpoint is taken to be late by as much. */
const FLUSH_MAX_MS = 2_000;

/** Causes of outages in a row are put together up to about this length. */
const CAUSE_CHARS_MAX = 200;

/** Gaps shorter than this are not worth a line: the feed's own delays are as long. */
const GAP_MIN_MS = 1_000;

/**
 * Ids are remembered, and local segments kept, from so long before the end of a channel's coverage on: backfill asks
 * for 60 s more than the gap, and clocks differ.
 */
export const OVERLAP_MS = 120_000;

interface Entry {
  /** Certain until then, ms; while live, until `heardAtMs()`. */
  throughMs: number;
  heardAtMs?: () => number;
  /** Why the feed is not certain after `throughMs`. */
  cause: string;
  gap?: Gap;
  /** A closed gap whose line may not be recorded yet. */
  closing?: { fromMs: number; closedAtMs: number };
  isWanted: boolean;
  /** Of the last run, whose checkpoint found the feed live and without a gap: until when lines are believed. */
  raiseUntilMs?: number;
}

type Ends = Record<string, Record<string, number>>;

const fileSchema = z.object({
  version: z.literal(1),
  platforms: z.record(z.string(), z.record(z.string(), z.number())),
  live: z.record(z.string(), z.array(z.string())).default({}),
});

export interface CoverageLogOptions {
  spool: Spool;
  channel: EventChannel;
  now: () => number;
  /** Everything that came before this time is recorded; not asked before the first channel of this run. */
  certainUntilMs: () => number;
  rotateMinutes: number;
  log: Logger;
}

export class CoverageLog {
  readonly #options: CoverageLogOptions;
  readonly #platforms = new Map<string, Map<string, Entry>>();
  /** By encoded platform and channel, as file names have them. */
  readonly #byFile = new Map<string, Entry>();
  #gaps = 0;
  /** A channel has come or a feed has gone that the file does not know of. */
  #hasChange = false;
  /** Brings the next checkpoint forward. */
  #hasten: (() => void) | undefined;
  /** The file is written by one at a time: the last one may come while a slow disk still holds up the one before. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: CoverageLogOptions) {
    this.#options = options;
  }

  /** Gap lines written since the start. */
  get gaps(): number {
    return this.#gaps;
  }

  /** Reads what the last run left. Never throws: what cannot be read is reported and forgotten. */
  async load(): Promise<void> {
    const { spool, log } = this.#options;
    const path = spool.path('state', 'coverage.json');
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch {
      return;
    }
    try {
      const { platforms, live } = fileSchema.parse(JSON.parse(text));
      const nowMs = this.#options.now();
      for (const [platform, channels] of Object.entries(platforms)) {
        const wereLive = new Set(live[platform]);
        for (const [channel, endMs] of Object.entries(channels)) {
          this.#put(platform, channel, {
            throughMs: Math.min(endMs, nowMs),
            cause: 'chatlog was not running',
            isWanted: false,
            raiseUntilMs: wereLive.has(channel) ? endMs + CHECKPOINT_MS + FLUSH_MAX_MS : undefined,
          });
        }
      }
      // What this run records comes after a gap, and must not carry the coverage across it.
      await this.#write(platforms, {});
    } catch (error) {
      log.warn(
        { path, err: errorText(error) },
        'the coverage file cannot be read; gaps of this restart are not known',
      );
    }
  }

  /** The coverage as the connector of one platform sees it. */
  of(platform: string): Coverage {
    return {
      wanted: (channel) => this.#wanted(platform, channel),
      live: (channel, heardAtMs) => this.#live(platform, channel, heardAtMs),
      lost: (channel, heardAtMs, cause) => this.#lost(platform, channel, heardAtMs, cause),
      closeGap: (gap, backfill, filled) => this.#closeGap(platform, gap, backfill, filled),
      unwanted: (channel) => this.#unwanted(platform, channel),
    };
  }

  /** Every channel of the last run and until when it was certain, ms. */
  *ends(): Iterable<{ platform: string; channel: string; throughMs: number }> {
    for (const [platform, channels] of this.#platforms) {
      for (const [channel, { throughMs }] of channels) yield { platform, channel, throughMs };
    }
  }

  /**
   * A live line of the last run was found that came later than its last checkpoint: believed for one checkpoint's
   * length, where no gap can lie in between.
   */
  raise(platform: string, channel: string, receivedAtMs: number): void {
    const entry = this.#platforms.get(platform)?.get(channel);
    if (entry?.raiseUntilMs === undefined || entry.isWanted) return;
    if (receivedAtMs <= entry.raiseUntilMs) entry.throughMs = Math.max(entry.throughMs, receivedAtMs);
  }

  /** Whether no later backfill can bring lines of this segment again, so that its ids are not needed any more. */
  hasPassed(file: string): boolean {
    const name = parseSegmentFile(file);
    if (!name) return true;
    const entry = this.#byFile.get(`${name.platform}/${name.channel}`);
    if (!entry) return true;
    return windowOf(name.startMs, this.#options.rotateMinutes).endMs + OVERLAP_MS <= this.#certain(entry);
  }

  /** Writes the file every few seconds, and soon after a channel came, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#nextCheckpoint(signal);
      if (!signal.aborted) await this.save();
    }
  }

  /** Never throws: a full disk keeps the older file, which only makes later gaps longer. */
  async save(): Promise<void> {
    const platforms: Ends = {};
    const live: Record<string, string[]> = {};
    this.#hasChange = false;
    for (const [platform, channels] of this.#platforms) {
      const ends: Record<string, number> = {};
      const alive: string[] = [];
      for (const [channel, entry] of channels) {
        if (!entry.isWanted) continue;
        ends[channel] = Math.floor(this.#certain(entry));
        if (entry.heardAtMs && !entry.gap && !entry.closing) alive.push(channel);
      }
      platforms[platform] = ends;
      live[platform] = alive;
    }
    await this.#write(platforms, live);
  }

  #write(platforms: Ends, live: Record<string, string[]>): Promise<void> {
    this.#written = this.#written.then(() => this.#replaceFile(platforms, live));
    return this.#written;
  }

  async #replaceFile(platforms: Ends, live: Record<string, string[]>): Promise<void> {
    const { spool, log } = this.#options;
    const path = spool.path('state', 'coverage.json');
    try {
      const file = await open(`${path}.tmp`, 'w');
      try {
        await file.writeFile(JSON.stringify({ version: 1, platforms, live }));
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(`${path}.tmp`, path);
      await syncDirectory(spool.path('state'));
    } catch (error) {
      log.warn({ path, err: errorText(error) }, 'cannot write the coverage file');
    }
  }

  async #nextCheckpoint(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#hasten = undefined;
        resolve();
      };
      let timer = setTimeout(done, this.#hasChange ? CHANGE_CHECKPOINT_MS : CHECKPOINT_MS);
      this.#hasten = () => {
        clearTimeout(timer);
        timer = setTimeout(done, CHANGE_CHECKPOINT_MS);
        this.#hasten = undefined;
      };
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #wanted(platform: string, channel: string): void {
    const entry = this.#find(platform, channel);
    if (entry) {
      entry.isWanted = true;
      return;
    }
    this.#put(platform, channel, { throughMs: this.#options.now(), cause: 'joining', isWanted: true });
    this.#checkpointSoon();
  }

  #checkpointSoon(): void {
    this.#hasChange = true;
    this.#hasten?.();
  }

  #live(platform: string, channel: string, heardAtMs: () => number): Gap | undefined {
    this.#wanted(platform, channel);
    const entry = this.#find(platform, channel)!;
    const wasLive = entry.heardAtMs !== undefined;
    entry.heardAtMs = heardAtMs;
    if (wasLive) return undefined;
    const nowMs = this.#options.now();
    entry.throughMs = Math.min(entry.throughMs, nowMs);
    entry.gap = { channel, fromMs: entry.throughMs, toMs: nowMs, cause: entry.cause };
    return entry.gap;
  }

  #lost(platform: string, channel: string, heardAtMs: number, cause: string): void {
    const entry = this.#find(platform, channel);
    if (!entry?.heardAtMs) return;
    entry.heardAtMs = undefined;
    this.#checkpointSoon();
    if (entry.gap) {
      // The feed went before its last gap was filled: one gap, from the older start on.
      entry.gap = undefined;
      if (!entry.cause.includes(cause) && entry.cause.length < CAUSE_CHARS_MAX)
        entry.cause += `; then ${cause}`;
      return;
    }
    entry.throughMs = Math.min(Math.max(entry.throughMs, heardAtMs), this.#options.now());
    entry.cause = cause;
  }

  #closeGap(platform: string, gap: Gap, backfill: BackfillOutcome, filled: number): void {
    const entry = this.#find(platform, gap.channel);
    if (entry?.gap !== gap) return;
    const closedAtMs = this.#options.now();
    entry.gap = undefined;
    entry.closing = { fromMs: this.#unrecordedGapFrom(entry) ?? gap.fromMs, closedAtMs };
    entry.throughMs = Math.max(gap.toMs, gap.fromMs);
    if (gap.toMs - gap.fromMs < GAP_MIN_MS) return;
    this.#gaps++;
    const event = gapEvent(platform, gap, backfill, filled, closedAtMs);
    this.#options.channel.sink(platform).push({ event, timeMs: gap.fromMs, identity: '', unsampled: true });
  }

  #unwanted(platform: string, channel: string): void {
    this.#platforms.get(platform)?.delete(channel);
    this.#byFile.delete(channelPath(platform, channel));
  }

  /** Until when a crash right now would leave the channel's feed certain. */
  #certain(entry: Entry): number {
    const recordedMs = this.#options.certainUntilMs();
    const unrecordedFromMs = this.#unrecordedGapFrom(entry);
    if (unrecordedFromMs !== undefined) return Math.min(unrecordedFromMs, recordedMs);
    if (entry.gap) return Math.min(entry.gap.fromMs, recordedMs);
    if (!entry.heardAtMs) return Math.min(entry.throughMs, recordedMs);
    return Math.max(entry.throughMs, Math.min(entry.heardAtMs(), recordedMs));
  }

  /** Where the oldest closed gap starts whose line may not be recorded yet. */
  #unrecordedGapFrom(entry: Entry): number | undefined {
    if (entry.closing && this.#options.certainUntilMs() >= entry.closing.closedAtMs)
      entry.closing = undefined;
    return entry.closing?.fromMs;
  }

  #find(platform: string, channel: string): Entry | undefined {
    return this.#platforms.get(platform)?.get(channel);
  }

  #put(platform: string, channel: string, entry: Entry): void {
    let channels = this.#platforms.get(platform);
    if (!channels) {
      channels = new Map();
      this.#platforms.set(platform, channels);
    }
    channels.set(channel, entry);
    this.#byFile.set(channelPath(platform, channel), entry);
  }
}

function gapEvent(
  platform: string,
  gap: Gap,
  backfill: BackfillOutcome,
  filled: number,
  nowMs: number,
): ChatEvent {
  const seconds = (gap.toMs - gap.fromMs) / 1000;
  return {
    timestamp: formatTimestamp(gap.fromMs),
    channel: gap.channel,
    username: '',
    user_id: '',
    message: `not recorded for ${seconds} s (${gap.cause}); ${BACKFILL_TEXT[backfill]}${filled > 0 ? `, ${filled} lines recovered` : ''}`,
    platform,
    type: 'gap',
    received_at: formatTimestamp(nowMs),
    duration_seconds: seconds,
    reason: gap.cause,
    gap: { until: formatTimestamp(gap.toMs), backfill, filled },
  };
}

const BACKFILL_TEXT: Record<BackfillOutcome, string> = {
  complete: "filled from the platform's history",
  partial: "filled in part: the platform's history does not reach back far enough",
  unavailable: 'the history service does not know the channel',
  failed: 'the history service could not be reached',
  off: 'backfill is off',
  none: 'the platform has no history',
};
