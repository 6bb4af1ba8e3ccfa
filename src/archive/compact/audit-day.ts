/** Reads what lies on the disk line by line, for the proof that merging changed nothing (`audit-records.ts`). */
import { createReadStream } from 'node:fs';
import { decompress, isDecompressionError } from '../../lib/decompress.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { splitLines } from '../../lib/split-lines.ts';
import { compressionOf, decodeName } from '../../segment-name.ts';
import { daySpan, type TimeSpan } from '../../storage/segment-span.ts';
import { type LinesSummary, LinesTally } from '../../uploading/lines-tally.ts';
import { auditRecord, RecordFiles, timeOf } from './audit-records.ts';
import { type AuditFaults, compareRecords } from './compare-records.ts';
import type { SourceCopy } from './source-copies.ts';

/** A source and what is in it. */
export interface AuditedSource extends SourceCopy {
  summary: LinesSummary;
  /** Its first line tells no time, and can stand anywhere. */
  beginsUntimed: boolean;
}

/** Nothing real is longer; such a thing comes in pieces to merging, too. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;
/** Lines whose records are compared in memory at a time. */
const RECORDS_AT_ONCE = 100_000;
const FILES_MAX = 64;
/** Of a line, where nobody says how many there are. */
const STORED_LINE_BYTES = 45;

export class DayAudit implements Disposable {
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #sources: RecordFiles;

  /** @param directory for files that are left to whoever removes it */
  constructor(directory: string, copies: readonly SourceCopy[], signal: AbortSignal) {
    const lines = copies.reduce(
      (sum, { description, objectBytes }) => sum + (description?.lines ?? objectBytes / STORED_LINE_BYTES),
      0,
    );
    this.#directory = directory;
    this.#signal = signal;
    const count = Math.min(FILES_MAX, Math.ceil(lines / RECORDS_AT_ONCE) || 1);
    this.#sources = new RecordFiles(directory, 'sources', count);
  }

  /** Throws `object_corrupt` where it does not decompress, or its lines are not those that it describes. */
  async addSource(copy: SourceCopy, index: number): Promise<AuditedSource> {
    const { segment, path, description } = copy;
    const { key } = segment;
    const platform = decodeName(segment.platform) ?? segment.platform;
    const tally = new LinesTally();
    let beginsUntimed: boolean | undefined;
    try {
      for await (const line of splitLines(this.#read(path, key, tally), LINE_BYTES_MAX)) {
        const record = auditRecord(line, platform, index);
        if (!record) continue;
        beginsUntimed ??= Number.isNaN(timeOf(line));
        this.#sources.add(record);
      }
    } catch (error) {
      if (!isDecompressionError(error)) throw error;
      throw corrupt(key, `it does not decompress to its end (${errorText(error)})`, error);
    }
    const summary = tally.finish();
    if (description && description.linesSha256 !== summary.linesSha256)
      throw corrupt(key, 'its lines are not those that were recorded');
    return { ...copy, summary, beginsUntimed: beginsUntimed ?? false };
  }

  /**
   * Throws `compaction_wrong` where the object at `path` does not hold each event of the sources once, or is not in order.
   * Never seen; what it is for is that nothing is removed should it ever be.
   */
  async demandSame(path: string, copies: readonly SourceCopy[]): Promise<void> {
    const { segment } = copies[0]!;
    const platform = decodeName(segment.platform) ?? segment.platform;
    const order = new OrderCheck(daySpan(segment));
    using merged = new RecordFiles(this.#directory, 'merged', this.#sources.count);
    for await (const line of splitLines(this.#read(path, '.zst'), LINE_BYTES_MAX)) {
      const record = auditRecord(line, platform, 0);
      if (record) merged.add(record);
      order.take(line);
    }
    const faults = { ...compareRecords(this.#sources, merged), disordered: order.faults };
    const told = faultText(faults);
    if (told === '') return;
    throw new ChatlogError(
      'compaction_wrong',
      `what was made of ${segment.key} and others is not the same: ${told}`,
      {
        hint: 'Nothing was removed. Please report this with the output of "chatlog verify" for the day.',
      },
    );
  }

  async *#read(path: string, name: string, tally?: LinesTally): AsyncGenerator<Buffer> {
    const options = { chunkSize: CHUNK_BYTES };
    for await (const bytes of decompress(createReadStream(path), compressionOf(name), options)) {
      this.#signal.throwIfAborted();
      tally?.update(bytes);
      yield bytes;
    }
  }

  [Symbol.dispose](): void {
    this.#sources[Symbol.dispose]();
  }
}

/** Lines of the day have to rise; what tells no time of the day stands anywhere. */
class OrderCheck {
  faults = 0;
  readonly #span: TimeSpan;
  #beforeMs = Number.NEGATIVE_INFINITY;

  constructor(span: TimeSpan) {
    this.#span = span;
  }

  take(line: Buffer): void {
    const timeMs = timeOf(line);
    if (Number.isNaN(timeMs) || timeMs < this.#span.fromMs || timeMs >= this.#span.toMs) return;
    if (timeMs < this.#beforeMs) this.faults++;
    this.#beforeMs = timeMs;
  }
}

function faultText(faults: AuditFaults & { disordered: number }): string {
  return Object.entries(faults)
    .flatMap(([name, count]) => (count > 0 ? `${count} lines ${name}` : []))
    .join(', ');
}

function corrupt(key: string, reason: string, cause?: unknown): ChatlogError {
  return new ChatlogError('object_corrupt', `${key}: ${reason}`, {
    cause,
    hint: 'chatlog verify says more; --repair mends what this machine still has.',
  });
}
