/**
 * What a thread does with the segments of one channel and hour, or with one day object: decompresses them, cuts them into
 * lines, and hands the wanted ones over in order, each once. Of an hour at most `heldBytes` of lines are in memory, and
 * the segment being cut; the rest waits in a temporary file. A day object is in order already and passes through.
 */
import { createHash } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { decompress } from '../../lib/decompress.ts';
import { errorText } from '../../lib/errors.ts';
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { compressionOf } from '../../segment-name.ts';
import { mergeBatches, type Origin } from '../merge/merger.ts';
import { LineCutter, type SegmentCutter } from './cut-lines.ts';
import { decompressWhole } from './decompress-whole.ts';
import type { LineBatch } from './line-batch.ts';
import { ScanPort } from './scan-port.ts';
import { emptyReport, type ScanReport, type ScanRequest } from './scan-request.ts';
import { risingTimes, sortBatch } from './sort-batch.ts';
import { type Run, SpillFile } from './spill-file.ts';
import type { Task } from './tasks.ts';
import { threadGate } from './thread-gate.ts';

export interface ScanInput {
  request: ScanRequest;
  segments: ScannedSegment[];
  /** The segments are one day object. */
  isSorted: boolean;
  /** Lines of an hour in memory, about; {@link HELD_BYTES} when left out. */
  heldBytes?: number | undefined;
  port: MessagePort;
}

export interface ScannedSegment {
  key: string;
  /** As stored; left out where it is large: the thread then asks for it piece by piece. */
  bytes?: Uint8Array<ArrayBuffer>;
  /** Of its lines, as the object says. */
  linesBytes?: number;
  /** What its lines must have; left out where the object's own digest has shown them to be intact, or it has none. */
  linesSha256?: string;
}

/** Half of it is cut and sorted at a time where a segment is larger. */
export const HELD_BYTES = 32 * 1024 * 1024;

const PIECE_BYTES = 1024 * 1024;

export const scan: Task<ScanInput, void> = async ({
  request,
  segments,
  isSorted,
  heldBytes = HELD_BYTES,
  port: messages,
}) => {
  const port = new ScanPort(messages);
  const report = emptyReport();
  const scanner = new SegmentScanner({ request, port, report, gate: await threadGate(), heldBytes });
  try {
    if (isSorted) await scanner.passSorted(segments);
    else await scanner.sortAndMerge(segments);
    port.end(report);
  } catch (error) {
    if (!port.isClosed) throw error;
  }
  return { value: undefined };
};

interface Scan {
  request: ScanRequest;
  port: ScanPort;
  report: ScanReport;
  gate: PrivacyGate;
  heldBytes: number;
}

class SegmentScanner {
  readonly #scan: Scan;

  constructor(scan: Scan) {
    this.#scan = scan;
  }

  async passSorted(segments: readonly ScannedSegment[]): Promise<void> {
    const { request, port } = this.#scan;
    let beforeMs = request.span.fromMs;
    for (const [index, segment] of segments.entries())
      for await (const batch of this.#cut(segment, index, 0)) {
        beforeMs = risingTimes(batch.times, beforeMs);
        await port.send(batch);
      }
  }

  async sortAndMerge(segments: readonly ScannedSegment[]): Promise<void> {
    const { request, port, report, heldBytes: heldMax } = this.#scan;
    const { platform } = request;
    let held: { origin: Origin; batches: LineBatch[] }[] = [];
    let heldBytes = 0;
    const spilled: { origin: Origin; run: Run }[] = [];
    let file: SpillFile | undefined;
    try {
      for (const [index, segment] of segments.entries()) {
        const origin = { platform };
        for await (const batch of this.#cut(segment, index, heldMax / 2)) {
          held.push({ origin, batches: [sortBatch(batch)] });
          heldBytes += batch.bytes.length;
          if (heldBytes <= heldMax) continue;
          file ??= new SpillFile();
          for (const { origin, batches } of held) spilled.push({ origin, run: file.write(batches) });
          held = [];
          heldBytes = 0;
        }
      }
      const runs = spilled.map(({ origin, run }) => ({ origin, batches: file!.read(run) }));
      for (const batch of mergeBatches([...runs, ...held], report)) await port.send(batch);
    } finally {
      file?.[Symbol.dispose]();
    }
  }

  /** @param atOnce bytes that are cut together where a segment comes in pieces */
  async *#cut(segment: ScannedSegment, index: number, atOnce: number): AsyncGenerator<LineBatch> {
    const { request, port, report, gate, heldBytes } = this.#scan;
    const { key, bytes, linesBytes, linesSha256 } = segment;
    const cutter = await cutterOf(request, gate, report);
    const compression = compressionOf(key);
    const hash = linesSha256 === undefined ? undefined : createHash('sha256');
    let damage: string | undefined;
    const isSmall = atOnce > 0 && linesBytes !== undefined && linesBytes <= heldBytes;
    const whole = bytes && isSmall ? decompressWhole(bytes, compression, linesBytes) : undefined;
    if (whole) {
      hash?.update(whole);
      yield cutter.cut(whole);
    } else {
      const source = bytes ? one(bytes) : port.pieces(index);
      let pieces: Uint8Array[] = [];
      let length = 0;
      try {
        for await (const piece of decompress(source, compression, { chunkSize: PIECE_BYTES })) {
          hash?.update(piece);
          pieces.push(piece);
          length += piece.length;
          if (length < atOnce) continue;
          yield cutter.cut(joined(pieces));
          pieces = [];
          length = 0;
        }
      } catch (error) {
        if (port.isClosed) throw error;
        damage = `it does not decompress to its end (${errorText(error)})`;
      }
      if (length > 0) yield cutter.cut(joined(pieces));
    }
    if (damage === undefined) yield cutter.finish();
    if (damage === undefined && hash && hash.digest('hex') !== linesSha256)
      damage = 'it is not what was recorded';
    damage ??= port.damageOf(index);
    if (damage !== undefined) report.damaged.push({ key, reason: damage });
  }
}

async function cutterOf(request: ScanRequest, gate: PrivacyGate, report: ScanReport): Promise<SegmentCutter> {
  const { search } = request;
  if (!search) return new LineCutter(request, gate, report);
  const { HitCutter } = await import('../search/hit-cutter.ts');
  return new HitCutter({ ...request, search }, gate, report);
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}
