/**
 * Compacts an archive day by day, one channel after the other: makes day objects (`make-day.ts`), and when those of all
 * channels of a platform's day are verified and its manifest knows them, removes what they stand for. What cannot be compacted
 * is left as it is and named; the others go on.
 */
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { decodeName } from '../../segment-name.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { daySpan, isDayObject } from '../../storage/segment-span.ts';
import { dayText, type PlatformDay } from '../manifest/manifest-key.ts';
import { type Selection, selectedDays } from '../selection.ts';
import type { ChannelDay, CompactTools, MadeDay } from './compact-tools.ts';
import { hasParquet, type MadeParquet, makeParquet } from './day-parquet.ts';
import { makeDay } from './make-day.ts';
import { removeSources } from './stored-day.ts';

export interface CompactOptions {
  selection: Selection;
  /** Only days that ended before this, ms since the epoch. */
  endedBeforeMs: number;
  parquet: boolean;
  keepSources: boolean;
  dryRun: boolean;
  /**
   * Day objects of a platform's day are there; `gone` is about to be removed. Called once for each such day, and again by the
   * next run where this one dies.
   */
  onMade?(day: PlatformDay, made: readonly MadeDay[], gone: ReadonlySet<string>): Promise<void>;
  /** A channel's day is through. */
  onDay?(report: DayReport): void;
}

export interface DayReport {
  platform: string;
  channel: string;
  /** `2026-11-21` */
  day: string;
  outcome:
    | 'compacted'
    /** It was before; nothing was left to do. */
    | 'unchanged'
    /** Only with `dryRun`. */
    | 'would compact'
    | 'failed';
  /** Of the day object. */
  key?: string;
  objectsBefore: number;
  bytesBefore: number;
  bytes?: number;
  lines?: number;
  linesBytes?: number;
  /** Lines left out because another one is the same event. */
  duplicates?: number;
  /** Lines that are no JSON or tell no time; they were kept. */
  unreadable?: number;
  parquet?: { key: string; bytes: number };
  /** Sources that were removed, and those that somebody changed meanwhile. */
  removed?: number;
  changed?: string[];
  error?: { code: string; message: string; hint?: string };
}

export interface CompactReport {
  days: DayReport[];
  /** Days of channels that are not over for long enough. */
  waiting: number;
  stopped: boolean;
}

interface Planned {
  day: ChannelDay;
  segments: StoredSegment[];
}

interface Made {
  planned: Planned;
  made: MadeDay;
  parquet: MadeParquet | undefined;
}

/** Ends early, saying so, when the tools' signal aborts. Throws where the archive cannot be listed. */
export async function compactArchive(options: CompactOptions, tools: CompactTools): Promise<CompactReport> {
  const report: CompactReport = { days: [], waiting: 0, stopped: false };
  const { store, signal } = tools;
  try {
    for await (const { segments } of selectedDays(store, options.selection, signal)) {
      const byPlatform = Map.groupBy(segments, ({ platform }) => platform);
      for (const [platform, ofPlatform] of byPlatform) {
        const planned = channelDays(ofPlatform);
        if (daySpan(planned[0]!.day).toMs > options.endedBeforeMs) report.waiting += planned.length;
        else await new PlatformDayRun(options, tools, report).run(platform, planned);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    report.stopped = true;
  }
  return report;
}

/** What is to be done, and how much has to be read for it: without any reading. */
export async function planCompaction(
  { selection, endedBeforeMs }: Pick<CompactOptions, 'selection' | 'endedBeforeMs'>,
  { store, signal }: Pick<CompactTools, 'store' | 'signal'>,
): Promise<{ days: number; objects: number; bytes: number }> {
  const total = { days: 0, objects: 0, bytes: 0 };
  for await (const { dayMs, segments } of selectedDays(store, selection, signal)) {
    if (daySpan({ startMs: dayMs }).toMs > endedBeforeMs) continue;
    for (const planned of channelDays(segments)) {
      if (isCompact(planned)) continue;
      total.days++;
      total.objects += planned.segments.length;
      total.bytes += bytesOf(planned);
    }
  }
  return total;
}

function channelDays(segments: readonly StoredSegment[]): Planned[] {
  const groups = Map.groupBy(segments, ({ platform, channel }) => `${platform}/${channel}`);
  return [...groups.values()].map((group) => {
    const { platform, channel } = group[0]!;
    return { day: { platform, channel, startMs: daySpan(group[0]!).fromMs }, segments: group };
  });
}

function isCompact({ segments }: Planned): boolean {
  return segments.length === 1 && isDayObject(segments[0]!);
}

function bytesOf({ segments }: Planned): number {
  return segments.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** All channels of one platform and day. */
class PlatformDayRun {
  readonly #options: CompactOptions;
  readonly #tools: CompactTools;
  readonly #report: CompactReport;

  constructor(options: CompactOptions, tools: CompactTools, report: CompactReport) {
    this.#options = options;
    this.#tools = tools;
    this.#report = report;
  }

  async run(platform: string, planned: readonly Planned[]): Promise<void> {
    const { parquet } = this.#options;
    const made: Made[] = [];
    for (const one of planned) {
      if (isCompact(one) && !parquet) this.#note({ ...reportOf(one), outcome: 'unchanged' });
      else if (this.#options.dryRun)
        this.#note({ ...reportOf(one), outcome: (await this.#isDone(one)) ? 'unchanged' : 'would compact' });
      else {
        const done = await this.#attempt(one, () => this.#make(one));
        if (done) made.push({ planned: one, ...done });
      }
    }
    if (made.length === 0) return;
    const day = { platform, dayMs: planned[0]!.day.startMs };
    try {
      await this.#tellOf(day, made, this.#goneOf(made));
    } catch (error) {
      for (const one of made) this.#noteFailure(one.planned, error);
      return;
    }
    const stayed: string[] = [];
    for (const one of made)
      await this.#attempt(one.planned, async () => {
        const report = await this.#finish(one.planned, one);
        stayed.push(...(report.changed ?? []));
        this.#note(report);
      });
    const gone = this.#goneOf(made);
    for (const key of stayed) gone.delete(key);
    // What could not be told anew is at worst a stale manifest, which verifying finds.
    if (gone.size > 0) await this.#tellOf(day, made, gone).catch(() => this.#tools.signal.throwIfAborted());
  }

  /** With its table, where one is asked for. */
  async #isDone(one: Planned): Promise<boolean> {
    if (!isCompact(one)) return false;
    return !this.#options.parquet || (await hasParquet(one.day, one.segments[0]!, this.#tools));
  }

  #goneOf(made: readonly Made[]): Set<string> {
    if (this.#options.keepSources) return new Set();
    return new Set(made.flatMap(({ made: { sources } }) => sources.map(({ segment }) => segment.key)));
  }

  async #tellOf(day: PlatformDay, made: readonly Made[], gone: ReadonlySet<string>): Promise<void> {
    if (gone.size === 0 && !made.some(({ made: { isNew } }) => isNew)) return;
    await this.#tools.onStep?.('manifest', made[0]!.made.object.key);
    await this.#options.onMade?.(
      day,
      made.map((one) => one.made),
      gone,
    );
  }

  async #make(one: Planned): Promise<{ made: MadeDay; parquet: MadeParquet | undefined } | undefined> {
    const made = await makeDay(one.day, this.#tools);
    if (!made) return undefined;
    if (!this.#options.parquet) return { made, parquet: undefined };
    await this.#tools.onStep?.('parquet', made.object.key);
    return { made, parquet: await makeParquet(one.day, made.object, this.#tools) };
  }

  async #finish(
    one: Planned,
    { made, parquet }: { made: MadeDay; parquet: MadeParquet | undefined },
  ): Promise<DayReport> {
    const { object, description, sources, isNew, duplicates, unreadable } = made;
    const changed = this.#options.keepSources ? [] : await removeSources(made, this.#tools);
    await this.#tools.onStep?.('removed', object.key);
    const removed = this.#options.keepSources ? 0 : sources.length - changed.length;
    const { lines, linesBytes, objectBytes: bytes } = description;
    return {
      ...reportOf(one),
      outcome: isNew || removed > 0 || parquet?.isNew === true ? 'compacted' : 'unchanged',
      ...{ key: object.key, bytesBefore: made.bytesBefore, bytes, lines, linesBytes, duplicates, unreadable },
      ...{ removed, changed },
      ...(parquet && { parquet: { key: parquet.key, bytes: parquet.bytes } }),
    };
  }

  /** What fails is noted, and the next one has its turn; an abort ends all. */
  async #attempt<T>(one: Planned, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#noteFailure(one, error);
      return undefined;
    }
  }

  #noteFailure(one: Planned, error: unknown): void {
    this.#tools.signal.throwIfAborted();
    const { code, message, hint } =
      error instanceof ChatlogError ? error : { code: 'failed', message: errorText(error), hint: undefined };
    this.#note({
      ...reportOf(one),
      outcome: 'failed',
      error: { code, message, ...(hint !== undefined && { hint }) },
    });
  }

  #note(report: DayReport): void {
    this.#report.days.push(report);
    this.#options.onDay?.(report);
  }
}

function reportOf(
  one: Planned,
): Pick<DayReport, 'platform' | 'channel' | 'day' | 'objectsBefore' | 'bytesBefore'> {
  const { platform, channel, startMs } = one.day;
  return {
    platform: decodeName(platform) ?? platform,
    channel: decodeName(channel) ?? channel,
    day: dayText(startMs),
    objectsBefore: one.segments.length,
    bytesBefore: bytesOf(one),
  };
}
