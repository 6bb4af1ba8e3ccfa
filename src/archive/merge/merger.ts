/**
 * Merges sorted sources of lines into one order, each line once: time, then when it was received (the same as its time where
 * it does not say), then its key as in the index, then its bytes. Of lines with one identity the one that the index keeps
 * stays; of lines that nothing but their bytes identifies as many as the source with the most of them has.
 *
 * A machine without I/O: {@link Merger.next} tells which source it cannot do without, and {@link Merger.give} feeds it. Copies of
 * a line stand in the same millisecond, so that memory is a batch per source, whatever the length of the sources. Where a
 * stretch of lines comes from one source alone nothing is looked at but times.
 */
import { type BatchPart, joinParts, type LineBatch } from '../scan/line-batch.ts';
import { type HeapEntry, LineHeap } from './line-heap.ts';
import { type TiedLine, untie } from './untie.ts';

/** Whose lines they are. Identical lines are counted in each origin by itself: cuts of one segment have one. */
export interface Origin {
  /** As in the lines; undefined where they are of several. */
  platform: string | undefined;
  /** Its lines are in this order already, each once: only where others have one time with them is anything looked at. */
  isMerged?: boolean | undefined;
}

/** One source, as the merger sees it. */
export interface Cursor extends HeapEntry {
  readonly origin: Origin;
  /** Of the next line; a lower bound of it while there is no batch. */
  headMs: number;
  /** Undefined: has to be given. */
  batch: LineBatch | undefined;
  /** The next line. */
  at: number;
}

export type MergeStep =
  /** Nothing goes on before this cursor is given its next batch, or its end. */
  { needs: Cursor } | { batch: LineBatch } | 'done';

/** What is handed on at a time, about. */
const BATCH_BYTES = 1024 * 1024;

export class Merger {
  /** Lines that were left out because another one is the same event. */
  duplicates = 0;
  readonly #heap = new LineHeap<Cursor>();
  readonly #batchBytes: number;
  readonly #isEager: boolean;
  /** Lines of one millisecond, as long as more of them may come. */
  #tie: TiedLine[] = [];
  #tieMs = Number.NaN;
  #parts: BatchPart[] = [];
  #partsBytes = 0;

  /** @param isEager lines are handed on before more are asked for, however few they are */
  constructor({ batchBytes = BATCH_BYTES, isEager = false } = {}) {
    this.#batchBytes = batchBytes;
    this.#isEager = isEager;
  }

  /** @param fromMs the source holds no line before this */
  add(origin: Origin, fromMs: number): Cursor {
    const cursor: Cursor = { origin, headMs: fromMs, batch: undefined, at: 0, place: -1 };
    this.#heap.push(cursor);
    return cursor;
  }

  /** The next lines of a source that {@link next} needs; undefined: it has no more. */
  give(cursor: Cursor, batch: LineBatch | undefined): void {
    if (batch && batch.times.length === 0) return;
    if (!batch) {
      this.#heap.remove(cursor);
      return;
    }
    cursor.batch = batch;
    cursor.at = 0;
    cursor.headMs = batch.times[0]!;
    this.#heap.moved(cursor);
  }

  next(): MergeStep {
    for (;;) {
      const cursor = this.#heap.top();
      if (this.#tie.length > 0 && cursor?.headMs !== this.#tieMs) this.#endTie();
      if (this.#partsBytes >= this.#batchBytes && this.#parts.length > 1) return { batch: this.#takeFull() };
      if (!cursor) return this.#parts.length > 0 ? { batch: this.#takeAll() } : 'done';
      if (!cursor.batch) {
        if (this.#isEager && this.#parts.length > 0) return { batch: this.#takeAll() };
        return { needs: cursor };
      }
      if (this.#tie.length > 0) this.#collectTie(cursor);
      else this.#takeStretch(cursor);
    }
  }

  /** Lines before those of all others, and each the only one of its time where that is not known to be so. */
  #takeStretch(cursor: Cursor): void {
    const { times } = cursor.batch!;
    const otherMs = this.#heap.secondMs();
    const last = times.length - 1;
    const start = cursor.at;
    let at = start;
    if (cursor.origin.isMerged) while (at < last && times[at]! < otherMs) at++;
    else while (at < last && times[at]! < otherMs && times[at] !== times[at + 1]) at++;
    if (at === start) {
      this.#tieMs = cursor.headMs;
      this.#collectTie(cursor);
      return;
    }
    this.#take(cursor.batch!, start, at);
    this.#advance(cursor, at);
  }

  #collectTie(cursor: Cursor): void {
    const batch = cursor.batch!;
    let { at } = cursor;
    for (; at < batch.times.length && batch.times[at] === this.#tieMs; at++)
      this.#tie.push({ origin: cursor.origin, batch, at });
    this.#advance(cursor, at);
  }

  #endTie(): void {
    const tie = this.#tie;
    this.#tie = [];
    const { origin } = tie[0]!;
    const isUntied = tie.length === 1 || (origin.isMerged && tie.every((line) => line.origin === origin));
    const kept = isUntied ? tie : untie(tie);
    this.duplicates += tie.length - kept.length;
    for (const { batch, at } of kept) this.#take(batch, at, at + 1);
  }

  #advance(cursor: Cursor, at: number): void {
    const { times } = cursor.batch!;
    cursor.at = at;
    if (at === times.length) {
      // What comes next is not earlier; it may be of the same millisecond.
      cursor.headMs = times[at - 1]!;
      cursor.batch = undefined;
    } else cursor.headMs = times[at]!;
    this.#heap.moved(cursor);
  }

  #take(batch: LineBatch, from: number, to: number): void {
    this.#partsBytes += batch.offsets[to]! - batch.offsets[from]!;
    const last = this.#parts.at(-1);
    if (last?.batch === batch && last.to === from) last.to = to;
    else this.#parts.push({ batch, from, to });
  }

  /** All but the last part, which may still grow: a batch that passes whole is then not copied. */
  #takeFull(): LineBatch {
    const last = this.#parts.pop()!;
    const batch = joinParts(this.#parts);
    this.#parts = [last];
    this.#partsBytes = last.batch.offsets[last.to]! - last.batch.offsets[last.from]!;
    return batch;
  }

  #takeAll(): LineBatch {
    const batch = joinParts(this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    return batch;
  }
}

/** Sources that are there at once, merged without waiting. */
export function* mergeBatches(
  sources: Iterable<{ origin: Origin; batches: Iterable<LineBatch> }>,
  counted: { duplicates: number } = { duplicates: 0 },
): Generator<LineBatch> {
  const merger = new Merger();
  const iterators = new Map<Cursor, Iterator<LineBatch, unknown>>();
  for (const { origin, batches } of sources)
    iterators.set(merger.add(origin, Number.NEGATIVE_INFINITY), batches[Symbol.iterator]());
  for (let step = merger.next(); step !== 'done'; step = merger.next()) {
    if ('batch' in step) yield step.batch;
    else {
      const next = iterators.get(step.needs)!.next();
      merger.give(step.needs, next.done === true ? undefined : next.value);
    }
  }
  counted.duplicates += merger.duplicates;
}
