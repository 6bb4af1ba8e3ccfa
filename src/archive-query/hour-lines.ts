/**
 * The lines of one hour or, where it was compacted, of one day, from all segments that hold some of it (restarts, full
 * files, late lines, several instances, day objects), in order of time and each once.
 *
 * Bounded in memory: lines are kept as bytes, up to `bytesMax`. Where a stretch is larger, its segments are read several
 * times, each time for a part of it that fits; a day object, which is sorted, is read once, but where the newest come first.
 */
import type { ChatEvent } from '../event.ts';
import { eventIdentity } from '../event.ts';
import { copyRank } from '../index/earlier-copies.ts';
import { IdenticalLines } from '../index/identical-lines.ts';
import { lineKey, messageKey } from '../index/message-key.ts';
import { splitLines } from '../lib/split-lines.ts';
import type { TimeSpan } from '../storage/segment-span.ts';
import { type ArchivedLine, compareLines } from './archive-request.ts';

export interface HourOptions {
  sources: readonly LineSource[];
  /** Half-open. */
  fromMs: number;
  toMs: number;
  reverse: boolean;
  /** A line without any of these in it is not wanted; undefined = look at all. */
  needed: readonly string[] | undefined;
  wanted(line: ArchivedLine): boolean;
  /** Of lines held at a time, about. */
  bytesMax: number;
}

export interface LineSource {
  /** The segment's lines from its beginning, whenever it is called. Never throws but for abort. */
  open(): AsyncIterable<Uint8Array>;
  /** Where it is sorted, what lies behind a part is not read for that part. */
  span: TimeSpan;
  isSorted: boolean;
}

/** Lines handed on together. */
const BATCH_LINES = 500;
/** No line is nearly as long: such a thing is no line. */
const LINE_BYTES_MAX = 4 * 1024 * 1024;
/** What a held line takes beside its bytes. */
const LINE_OVERHEAD_BYTES = 256;

interface HeldLine {
  timeMs: number;
  key: string;
  rank: string;
  line: Buffer;
  /** That gave it, and will not again. */
  reader: SortedReader | undefined;
}

export async function* hourLines(options: HourOptions): AsyncGenerator<ArchivedLine[]> {
  let { fromMs, toMs } = options;
  const { reverse, sources } = options;
  const sorted = new Map(
    sources
      .filter(({ isSorted }) => isSorted && !reverse)
      .map((source) => [source, new SortedReader(source)]),
  );
  try {
    while (fromMs < toMs) {
      const window = new Window(fromMs, toMs, options);
      for (const source of sources) await window.read(source, sorted.get(source));
      yield* batches(window.sorted());
      if (reverse) toMs = window.fromMs;
      else fromMs = window.toMs;
    }
  } finally {
    for (const reader of sorted.values()) await reader.close();
  }
}

/** A sorted source that is read on where the last window ended. */
class SortedReader {
  readonly repeats = new IdenticalLines();
  /** Taken by an earlier window, which had no room for them. */
  carried: HeldLine[] = [];
  readonly #lines: AsyncGenerator<Buffer>;
  #next: Buffer | undefined;

  constructor(source: LineSource) {
    this.#lines = splitLines(source.open(), LINE_BYTES_MAX);
  }

  /** Lines before this time; it may become an earlier one meanwhile. */
  async *before(toMs: () => number): AsyncGenerator<Buffer> {
    for (;;) {
      this.#next ??= (await this.#lines.next()).value;
      if (this.#next === undefined || (timeOf(this.#next) ?? Number.NEGATIVE_INFINITY) >= toMs()) return;
      const line = this.#next;
      this.#next = undefined;
      yield line;
    }
  }

  async close(): Promise<void> {
    await this.#lines.return(undefined);
  }
}

function* batches(held: readonly HeldLine[]): Generator<ArchivedLine[]> {
  for (let start = 0; start < held.length; start += BATCH_LINES) {
    yield held.slice(start, start + BATCH_LINES).map(({ timeMs, key, line }) => ({
      timeMs,
      key,
      line,
      event: JSON.parse(line.toString()) as ChatEvent,
    }));
  }
}

/** The part of the hour that one reading of its segments gives; becomes smaller where more comes than may be held. */
class Window {
  fromMs: number;
  toMs: number;
  readonly #options: HourOptions;
  readonly #held = new Map<string, HeldLine>();
  #bytes = 0;
  #bytesMax: number;

  constructor(fromMs: number, toMs: number, options: HourOptions) {
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.#options = options;
    this.#bytesMax = options.bytesMax;
  }

  /** @param reader of a sorted source that goes on */
  async read({ open, span, isSorted }: LineSource, reader?: SortedReader): Promise<void> {
    if (span.toMs <= this.fromMs || span.fromMs >= this.toMs) return;
    if (reader) {
      const carried = reader.carried;
      reader.carried = [];
      for (const held of carried) this.#hold(held);
      for await (const line of reader.before(() => this.toMs)) {
        const isBefore = (timeOf(line) ?? this.fromMs) < this.fromMs;
        if (!isBefore) this.#take(line, reader.repeats, reader);
      }
      return;
    }
    const repeats = new IdenticalLines();
    for await (const line of splitLines(open(), LINE_BYTES_MAX)) {
      const timeMs = isSorted ? timeOf(line) : undefined;
      if (timeMs !== undefined && timeMs < this.fromMs) continue;
      if (timeMs !== undefined && timeMs >= this.toMs) return;
      this.#take(line, repeats);
    }
  }

  sorted(): HeldLine[] {
    const lines = [...this.#held.values()].sort(compareLines);
    return this.#options.reverse ? lines.reverse() : lines;
  }

  #take(line: Buffer, repeats: IdenticalLines, reader?: SortedReader): void {
    const { needed, wanted } = this.#options;
    if (needed && !needed.some((text) => line.includes(text))) return;
    const archived = parseLine(line, repeats);
    if (!archived || archived.timeMs < this.fromMs || archived.timeMs >= this.toMs) return;
    if (!wanted(archived)) return;
    const { timeMs, key, event } = archived;
    // The chunk that it came in is not to be held by it.
    this.#hold({ timeMs, key, rank: copyRank(event), line: Buffer.from(line), reader });
  }

  /** Of several copies the one that the index has, too. */
  #hold(held: HeldLine): void {
    if (held.timeMs >= this.toMs) {
      held.reader?.carried.push(held);
      return;
    }
    const identity = `${held.timeMs} ${held.key}`;
    const other = this.#held.get(identity);
    if (other && !isEarlier(held, other)) return;
    this.#held.set(identity, held);
    this.#bytes += held.line.length - (other?.line.length ?? -LINE_OVERHEAD_BYTES);
    if (this.#bytes > this.#bytesMax) this.#shrink();
  }

  /** Leaves the later half (the earlier one where the newest come first) to the next reading. */
  #shrink(): void {
    const lines = this.sorted();
    const { reverse } = this.#options;
    const middle = lines[lines.length >> 1]!.timeMs;
    if (middle === lines[0]!.timeMs) {
      // So many lines of one millisecond: less than that there is not.
      if (reverse) this.fromMs = middle;
      else this.toMs = middle + 1;
    } else if (reverse) this.fromMs = middle + 1;
    else this.toMs = middle;
    for (const [identity, held] of this.#held) {
      const { timeMs, line, reader } = held;
      if (timeMs >= this.fromMs && timeMs < this.toMs) continue;
      this.#held.delete(identity);
      reader?.carried.push(held);
      this.#bytes -= line.length + LINE_OVERHEAD_BYTES;
    }
    // Where they are of one millisecond nothing was gained: not to be tried again at each line.
    this.#bytesMax = Math.max(this.#bytesMax, this.#bytes * 2);
  }
}

function isEarlier(a: HeldLine, b: HeldLine): boolean {
  return a.rank === b.rank ? Buffer.compare(a.line, b.line) < 0 : a.rank < b.rank;
}

const TIME_START = '{"timestamp":"'.length;
const TIME_END = TIME_START + '2026-11-21T13:00:00.000Z'.length;

/** Without parsing all of it; undefined where it does not begin as every line does. */
function timeOf(line: Buffer): number | undefined {
  if (line.length < TIME_END || line[TIME_END - 1] !== 0x5a || line[TIME_START - 2] !== 0x3a)
    return undefined;
  const timeMs = Date.parse(line.toString('latin1', TIME_START, TIME_END));
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

/** Undefined for what is no line of ours: it is in no index either. */
function parseLine(line: Buffer, repeats: IdenticalLines): ArchivedLine | undefined {
  const text = line.toString();
  let event: ChatEvent;
  try {
    event = JSON.parse(text) as ChatEvent;
  } catch {
    return undefined;
  }
  if (typeof event?.timestamp !== 'string' || typeof event.platform !== 'string') return undefined;
  const timeMs = Date.parse(event.timestamp);
  if (Number.isNaN(timeMs)) return undefined;
  const before = repeats.countBefore(text, event.received_at);
  const identity = eventIdentity(event);
  const key = identity === '' ? lineKey(event.platform, line, before) : messageKey(event.platform, identity);
  return { timeMs, key, event, line };
}
