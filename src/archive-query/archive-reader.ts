/**
 * Answers from the archive's objects, for what the index does not hold (any more): the lines of a channel's days in order
 * of time, each once, without those of people who opted out or were forgotten.
 *
 * Limits: so many scans at a time (more are refused, `archive_busy`), objects and bytes per scan (`archive_too_much`,
 * before anything is read), memory per scan, and time (`archive_timeout`). An object that is damaged or went away in
 * between is logged and passed over.
 */
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { listSegments, readSegment, type StoredSegment } from '../storage/read-segment.ts';
import { isDayObject, segmentSpan, type TimeSpan } from '../storage/segment-span.ts';
import {
  type ArchivedLine,
  type ArchiveRequest,
  compareLines,
  concerns,
  neededTexts,
} from './archive-request.ts';
import { hourLines } from './hour-lines.ts';
import { servedEvent } from './served-event.ts';

export interface ArchiveLimits {
  scansMax: number;
  /** Objects of one scan, and their bytes as stored. */
  objectsMax: number;
  objectBytesMax: number;
  /** Lines of one scan held in memory at a time. */
  heldBytesMax: number;
  scanMs: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  scansMax: 2,
  // Two months of hours with a restart in each of them.
  objectsMax: 3_000,
  objectBytesMax: 2 * 1024 ** 3,
  heldBytesMax: 32 * 1024 ** 2,
  scanMs: 10 * 60_000,
};

export interface ArchiveReaderOptions {
  store: ObjectStore;
  privacy: PrivacyGate;
  log: Logger;
  limits?: Partial<ArchiveLimits>;
}

export class ArchiveReader {
  readonly #options: ArchiveReaderOptions;
  readonly #limits: ArchiveLimits;
  #scans = 0;
  /** Of scans that wait for their turn, the first come first. */
  readonly #waiting = new Set<() => void>();

  constructor(options: ArchiveReaderOptions) {
    this.#options = options;
    this.#limits = { ...ARCHIVE_LIMITS, ...options.limits };
  }

  /**
   * Batches of lines, none of them empty. What is refused is refused by the first `next()`; a scan ends, and makes room for
   * another, when the iteration does. Throws the signal's reason on abort.
   */
  async *lines(request: ArchiveRequest, signal: AbortSignal): AsyncGenerator<ArchivedLine[]> {
    if (request.fromMs >= request.toMs) return;
    await this.#takeTurn(request, signal);
    const deadline = new AbortController();
    const late = new ChatlogError('archive_timeout', 'reading the archive took too long and was broken off');
    const timer = setTimeout(() => deadline.abort(late), this.#limits.scanMs);
    try {
      yield* this.#scan(request, AbortSignal.any([signal, deadline.signal]));
    } finally {
      clearTimeout(timer);
      this.#giveTurn();
    }
  }

  async #takeTurn({ waits = false }: ArchiveRequest, signal: AbortSignal): Promise<void> {
    if (this.#scans < this.#limits.scansMax) {
      this.#scans++;
      return;
    }
    if (!waits)
      throw new ChatlogError('archive_busy', 'as many queries read the archive as may at a time', {
        retryable: true,
        hint: 'Try again in some seconds, or ask for what the index holds.',
      });
    const turn = Promise.withResolvers<void>();
    this.#waiting.add(turn.resolve);
    try {
      await abortable(turn.promise, signal);
    } catch (error) {
      // The turn may have come in the same moment: then it is the next one's.
      if (!this.#waiting.delete(turn.resolve)) this.#giveTurn();
      throw error;
    }
  }

  #giveTurn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#scans--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }

  async *#scan(request: ArchiveRequest, signal: AbortSignal): AsyncGenerator<ArchivedLine[]> {
    const { reverse = false, fromMs, toMs, user, after } = request;
    const { privacy } = this.#options;
    const wanted = (line: ArchivedLine) =>
      line.event.type !== 'gap' &&
      (user === undefined || concerns(line.event, user)) &&
      (after === undefined || compareLines(line, after) * (reverse ? -1 : 1) > 0);
    for (const { span, segments } of await this.#stretches(request, signal)) {
      const batches = hourLines({
        sources: segments.map((segment) => ({
          open: () => this.#readLeniently(segment.key, signal),
          span: segmentSpan(segment),
          isSorted: isDayObject(segment),
        })),
        fromMs: Math.max(fromMs, span.fromMs, reverse ? span.fromMs : (after?.timeMs ?? span.fromMs)),
        toMs: Math.min(toMs, span.toMs, reverse ? (after?.timeMs ?? span.toMs) + 1 : span.toMs),
        reverse,
        needed: neededTexts(user),
        wanted,
        bytesMax: this.#limits.heldBytesMax,
      });
      for await (const batch of batches) {
        const lines = privacy.isEmpty ? batch : batch.flatMap((line) => servedLine(privacy, line));
        if (lines.length > 0) yield lines;
        signal.throwIfAborted();
      }
    }
  }

  /** The segments to read together, in the order asked for. */
  async #stretches(request: ArchiveRequest, signal: AbortSignal): Promise<Stretch[]> {
    const { fromMs, toMs, reverse, after } = request;
    const found: StoredSegment[] = [];
    const budget = { objects: this.#limits.objectsMax, bytes: this.#limits.objectBytesMax };
    for (const { platform, channel } of request.channels) {
      const range = { platform, channel, fromMs, toMs: toMs - 1 };
      for await (const segment of this.#list(range, signal)) {
        const span = segmentSpan(segment);
        if (span.toMs <= fromMs || span.fromMs >= toMs) continue;
        if (after && (reverse ? span.fromMs > after.timeMs : span.toMs <= after.timeMs)) continue;
        budget.objects--;
        budget.bytes -= segment.bytes;
        if (budget.objects < 0 || budget.bytes < 0) throw tooMuch();
        found.push(segment);
      }
    }
    const stretches = stretchesOf(found);
    return reverse ? stretches.reverse() : stretches;
  }

  async *#list(range: Parameters<typeof listSegments>[1], signal: AbortSignal) {
    try {
      yield* listSegments(this.#options.store, range, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new ChatlogError('archive_unavailable', `the archive cannot be read: ${errorText(error)}`, {
        retryable: true,
        cause: error,
      });
    }
  }

  async *#readLeniently(key: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { store, log } = this.#options;
    try {
      yield* readSegment(store, key, signal);
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof ChatlogError ? error.code : undefined;
      if (code !== 'object_missing' && code !== 'object_corrupt')
        throw new ChatlogError('archive_unavailable', `the archive cannot be read: ${errorText(error)}`, {
          retryable: true,
          cause: error,
        });
      log.warn({ key, err: errorText(error) }, 'an object of the archive was passed over by a query');
    }
  }
}

function servedLine(privacy: PrivacyGate, line: ArchivedLine): ArchivedLine[] {
  const event = servedEvent(privacy, line);
  if (event === undefined) return [];
  return [event === line.event ? line : { ...line, event, line: Buffer.from(JSON.stringify(event)) }];
}

/** Segments whose lines can be of one time. */
interface Stretch {
  span: TimeSpan;
  segments: StoredSegment[];
}

/** An hour each, or the whole day where one of its segments is a day object; in order of time. */
function stretchesOf(segments: readonly StoredSegment[]): Stretch[] {
  const stretches: Stretch[] = [];
  const longestFirst = (a: Stretch, b: Stretch) => a.span.fromMs - b.span.fromMs || b.span.toMs - a.span.toMs;
  const alone = segments.map((segment) => ({ span: segmentSpan(segment), segments: [segment] }));
  for (const stretch of alone.sort(longestFirst)) {
    const last = stretches.at(-1);
    if (last && stretch.span.fromMs < last.span.toMs) last.segments.push(...stretch.segments);
    else stretches.push(stretch);
  }
  return stretches;
}

function tooMuch(): ChatlogError {
  return new ChatlogError('archive_too_much', 'so much of the archive is not read by one query', {
    hint: 'Ask for a shorter range of time, or read the objects themselves (/api/segments).',
  });
}
