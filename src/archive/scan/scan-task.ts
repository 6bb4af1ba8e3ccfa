/**
 * What a thread does with the segments of some hours, of any channels, or with one day object: decompresses them, cuts them
 * into lines, and hands the wanted ones over in order, each once. Of hours at most {@link ScanInput.heldBytes} of lines are in
 * memory, beside the segment that is being cut; the rest waits in a temporary file. A day object is in order already and
 * passes through.
 */
import type { MessagePort } from 'node:worker_threads';
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { mergeBatches, type Origin } from '../merge/merger.ts';
import { LineCutter, type SegmentCutter } from './cut-lines.ts';
import { type LineBatch, releaseBatch } from './line-batch.ts';
import { readLines } from './read-lines.ts';
import { ScanPort } from './scan-port.ts';
import { emptyReport, type LineRequest, type ScannedSegment, type ScanReport } from './scan-request.ts';
import { risingTimes, sortBatch } from './sort-batch.ts';
import { blockBytes, type Run, SpillFile } from './spill-file.ts';
import type { Task } from './tasks.ts';
import { threadGate } from './thread-gate.ts';

export interface ScanInput {
  segments: ScannedSegment[];
  request: LineRequest;
  /** The segments are one day object. */
  isSorted: boolean;
  /** Lines in memory, about; {@link HELD_BYTES} when left out. */
  heldBytes?: number | undefined;
  port: MessagePort;
}

/** Half of it is cut and sorted at a time where a segment is larger. */
export const HELD_BYTES = 32 * 1024 * 1024;

export const scan: Task<ScanInput, void> = async (input) => {
  const port = new ScanPort(input.port);
  const report = emptyReport();
  const scanner = new SegmentScanner(input, port, report, await threadGate());
  try {
    if (input.isSorted) await scanner.passSorted();
    else await scanner.sortAndMerge();
    port.end(report);
  } catch (error) {
    if (!port.isClosed) throw error;
  }
  return { value: undefined };
};

class SegmentScanner {
  readonly #input: ScanInput;
  readonly #port: ScanPort;
  readonly #report: ScanReport;
  readonly #gate: PrivacyGate;
  readonly #heldMax: number;

  constructor(input: ScanInput, port: ScanPort, report: ScanReport, gate: PrivacyGate) {
    this.#input = input;
    this.#port = port;
    this.#report = report;
    this.#gate = gate;
    this.#heldMax = input.heldBytes ?? HELD_BYTES;
  }

  async passSorted(): Promise<void> {
    for (const [index, segment] of this.#input.segments.entries()) {
      let beforeMs = segment.span.fromMs;
      for await (const batch of this.#cut(index, 0)) {
        beforeMs = risingTimes(batch.times, beforeMs);
        await this.#port.send(batch);
      }
    }
  }

  async sortAndMerge(): Promise<void> {
    let held: { origin: Origin; batches: LineBatch[] }[] = [];
    let heldBytes = 0;
    const spilled: { origin: Origin; run: Run }[] = [];
    let file: SpillFile | undefined;
    const ofRun = blockBytes(this.#heldMax, this.#input.segments.length);
    const release = () => {
      for (const { batches } of held) batches.forEach(releaseBatch);
      held = [];
      heldBytes = 0;
    };
    try {
      for (const [index, { platform }] of this.#input.segments.entries()) {
        const origin = { platform };
        for await (const batch of this.#cut(index, this.#heldMax / 2)) {
          const sorted = sortBatch(batch);
          if (sorted !== batch) releaseBatch(batch);
          held.push({ origin, batches: [sorted] });
          heldBytes += sorted.bytes.length;
          if (heldBytes <= this.#heldMax) continue;
          file ??= new SpillFile();
          for (const { origin, batches } of held) spilled.push({ origin, run: file.write(batches, ofRun) });
          release();
        }
      }
      const runs = spilled.map(({ origin, run }) => ({ origin, batches: file!.read(run) }));
      for (const batch of mergeBatches([...runs, ...held], this.#report)) await this.#port.send(batch);
    } finally {
      file?.[Symbol.dispose]();
      release();
    }
  }

  /** @param atOnce bytes that are cut together where a segment comes in pieces; 0 = none is taken as a whole */
  async *#cut(index: number, atOnce: number): AsyncGenerator<LineBatch> {
    const segment = this.#input.segments[index]!;
    const cutter = await this.#cutter(segment);
    let damage: string | undefined;
    const wholeMax = atOnce === 0 ? 0 : this.#heldMax;
    for await (const read of readLines(this.#port, index, segment.key, { atOnce, wholeMax })) {
      if ('damage' in read) damage = read.damage;
      else yield cutter.cut(read.bytes);
    }
    if (damage === undefined) yield cutter.finish();
    cutter.end?.();
    if (damage !== undefined) this.#report.damaged.push({ key: segment.key, reason: damage });
  }

  async #cutter(segment: ScannedSegment): Promise<SegmentCutter> {
    const { search, ...request } = this.#input.request;
    if (!search) return new LineCutter(segment, request, this.#gate, this.#report);
    const Cutter = segment.isCounted
      ? (await import('../search/hit-counter.ts')).HitCounter
      : (await import('../search/hit-cutter.ts')).HitCutter;
    return new Cutter(segment, { ...request, search }, this.#gate, this.#report);
  }
}
