/** Reads what stands around the hits of one channel and hour. */
import type { ChatEvent } from '../../event.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments } from '../../storage/read-segment.ts';
import { segmentSpan } from '../../storage/segment-span.ts';
import { mergedLines } from '../merge/merged-lines.ts';
import { type LineBatch, lineAt } from '../scan/line-batch.ts';
import { lineTime, parsedLine } from '../scan/line-facts.ts';
import { Scanner } from '../scan/scanner.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';
import { EVERYTHING, type SelectedDay, type Selection } from '../selection.ts';
import { type LineSearch, lineSearch } from './line-search.ts';
import type { SearchQuery } from './search-query.ts';

export const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface ContextOptions {
  store: ObjectStore;
  pool: WorkerPool;
  selection: Selection;
  query: SearchQuery;
  /** Lines before and after each hit. */
  lines: number;
  signal: AbortSignal;
}

export interface ShownLine {
  /** Without its `\n`. */
  line: Buffer;
  isHit: boolean;
  /** It does not follow the line that was shown before it. */
  beginsGroup: boolean;
}

export type Channel = Pick<ChatEvent, 'platform' | 'channel'>;

/** How many hits the channel has in the hour that begins then: the first so many of its lines that match. */
export type HitCount = (hourMs: number) => number;

/** The last lines that were shown of a channel: those of one millisecond, some of which may be the same. */
interface Shown {
  timeMs: number;
  lines: string[];
}

export class ContextReader {
  readonly #options: ContextOptions;
  readonly #search: LineSearch;
  readonly #shown = new Map<string, Shown>();
  #lastChannel = '';

  constructor(options: ContextOptions) {
    this.#options = options;
    this.#search = lineSearch(options.query, options.selection.users);
  }

  /** The hits of the hour, and what stands around them, but for what was shown already. */
  async *around(channel: Channel, hourMs: number, hits: HitCount): AsyncGenerator<ShownLine> {
    const { lines: count } = this.#options;
    const name = channelName(channel);
    const isCounted = hitCounter(hits);
    const earlier = structuredClone(this.#shown.get(name));
    let before: { line: Buffer; timeMs: number }[] = [];
    let after = 0;
    // Until a line comes that was the last one to be shown.
    let isGap = true;
    for await (const { line, timeMs, isMatch } of this.#lines(channel, hourMs)) {
      const isHit = isMatch && isCounted(timeMs);
      if (timeMs >= hourMs + HOUR_MS && after === 0) return;
      if (earlier && wasShown(earlier, line, timeMs)) {
        isGap = this.#lastChannel !== name;
        // What was read then may have ended before its context did.
        after = isHit ? count : Math.max(0, after - 1);
        continue;
      }
      before.push({ line, timeMs });
      if (!isHit && after === 0) {
        if (before.length <= count) continue;
        before.shift();
        isGap = true;
        continue;
      }
      for (const each of before) {
        yield { line: each.line, isHit: isHit && each.line === line, beginsGroup: isGap };
        isGap = false;
        this.#remember(name, each.line, each.timeMs);
      }
      before = [];
      this.#lastChannel = name;
      after = isHit ? count : after - 1;
    }
  }

  /** Something else is shown after what was shown last. */
  endGroup(): void {
    this.#lastChannel = '';
  }

  #remember(name: string, line: Buffer, timeMs: number): void {
    const shown = this.#shown.get(name);
    const text = line.toString('latin1');
    if (shown?.timeMs === timeMs) shown.lines.push(text);
    else this.#shown.set(name, { timeMs, lines: [text] });
  }

  async *#lines(
    channel: Channel,
    hourMs: number,
  ): AsyncGenerator<{ line: Buffer; timeMs: number; isMatch: boolean }> {
    const { store, pool, selection, signal } = this.#options;
    const fromMs = Math.max(selection.fromMs ?? 0, hourMs - HOUR_MS);
    const toMs = Math.min(selection.toMs ?? Number.POSITIVE_INFINITY, hourMs + 2 * HOUR_MS);
    const scanner = new Scanner({ store, pool, selection: { ...EVERYTHING, fromMs, toMs }, signal });
    for await (const batch of mergedLines(this.#days(channel, fromMs, toMs), scanner)) {
      const hits = new Set<number>();
      const { buffer, byteOffset, length } = batch.bytes;
      this.#search(Buffer.from(buffer, byteOffset, length), (start) => void hits.add(start));
      for (const [index, timeMs] of batch.times.entries()) {
        const isHit = hits.has(batch.offsets[index]!);
        const own = isHit ? channelAround(batch, index) : channel;
        // It stands alone.
        if (!own) continue;
        yield {
          line: lineAt(batch, index),
          timeMs,
          isMatch: isHit && channelName(own) === channelName(channel),
        };
      }
    }
  }

  async *#days({ platform, channel }: Channel, fromMs: number, toMs: number): AsyncGenerator<SelectedDay> {
    const { store, signal } = this.#options;
    const segments = await Array.fromAsync(listSegments(store, { platform, channel, fromMs, toMs }, signal));
    const touched = segments.filter((segment) => {
      const span = segmentSpan(segment);
      return span.toMs > fromMs && span.fromMs < toMs;
    });
    const days = Map.groupBy(touched, ({ startMs }) => Math.floor(startMs / DAY_MS) * DAY_MS);
    for (const [dayMs, ofDay] of [...days].sort(([a], [b]) => a - b)) yield { dayMs, segments: ofDay };
  }
}

/**
 * Where a hit is found again with what stands around it; undefined where it is not, and stands alone: it does not say its
 * channel, or is of another time than the hour that its object is of, beyond the hours beside that.
 */
export function channelAround({ bytes, offsets, times }: LineBatch, index: number): Channel | undefined {
  const start = offsets[index]!;
  const end = offsets[index + 1]! - 1;
  const { platform, channel } = parsedLine(bytes, start, end) ?? {};
  if (!isName(platform) || !isName(channel)) return undefined;
  const hourMs = startOfHour(times[index]!);
  const ownMs = lineTime(bytes, start, end);
  const isFar = ownMs < hourMs - HOUR_MS || ownMs >= hourMs + 2 * HOUR_MS;
  return isFar ? undefined : { platform, channel };
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

export function channelName({ platform, channel }: Channel): string {
  return `${platform}/${channel}`;
}

export function startOfHour(timeMs: number): number {
  return Math.floor(timeMs / HOUR_MS) * HOUR_MS;
}

/** Counts lines that match; tells of each, by its time, whether it is one of the hits. */
function hitCounter(hits: HitCount): (timeMs: number) => boolean {
  const counted = new Map<number, number>();
  return (timeMs) => {
    const hourMs = startOfHour(timeMs);
    const before = counted.get(hourMs) ?? 0;
    counted.set(hourMs, before + 1);
    return before < hits(hourMs);
  };
}

/** Each of the lines that were shown is found once. */
function wasShown(shown: Shown, line: Buffer, timeMs: number): boolean {
  if (timeMs !== shown.timeMs) return timeMs < shown.timeMs;
  const place = shown.lines.indexOf(line.toString('latin1'));
  if (place >= 0) shown.lines.splice(place, 1);
  return place >= 0;
}
