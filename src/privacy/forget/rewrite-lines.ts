/**
 * Rewrites the lines of a segment: what a judge removes is left out, what it blanks is written anew, every other byte stays.
 * Two passes, the first of which writes nothing, since most segments hold nothing that is to go. Memory: a line and a chunk.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { IdenticalLines } from '../../index/identical-lines.ts';
import { type IndexedLine, indexLine } from '../../index/message-row.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { Compression } from '../../segment-name.ts';
import type { SegmentDescription } from '../../storage/object-store.ts';
import { createCompressor } from '../../uploading/compress-segment.ts';
import { describeSegment, type SegmentOrigin } from '../../uploading/describe-segment.ts';
import { pump } from '../../uploading/file-chunks.ts';
import { LinesTally } from '../../uploading/lines-tally.ts';
import type { LineJudge } from './line-judge.ts';

/** One line that went or changed, as the index knows it. */
export interface LineChange {
  /** No more of it: of a segment, all lines may go. */
  before: Pick<IndexedLine, 'key' | 'timeMs'>;
  /** Undefined: it is gone. */
  after: IndexedLine | undefined;
}

export interface Rewritten {
  /** SHA-256 of the lines as they were. */
  linesSha256Before: string;
  removed: number;
  blanked: number;
  changes: LineChange[];
  /** Of the file that was written; undefined where no line is left, and there is no file. */
  description: SegmentDescription | undefined;
}

export interface RewriteOptions {
  /** The uncompressed lines, from the beginning; called twice at most. */
  read: () => AsyncIterable<Uint8Array>;
  /** A new file, written and synced. */
  to: string;
  compression: Compression;
  /** That of recorded segments when left out. */
  compressor?: () => Transform;
  origin: SegmentOrigin;
  judge: LineJudge;
  signal: AbortSignal;
  onProgress?: () => void;
}

/** Nothing real is longer. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

/** Undefined where the judge keeps every line: then nothing was written. */
export async function rewriteLines(options: RewriteOptions): Promise<Rewritten | undefined> {
  const { read, to, compression, origin, judge, signal, onProgress } = options;
  const { compressor = compression === 'none' ? undefined : () => createCompressor(compression) } = options;
  const first = await surveyLines(read(), judge, signal, 1);
  if (first.removed + first.blanked === 0) return undefined;
  const before = new LinesTally();
  const after = new LinesTally();
  const rewritten: Rewritten = {
    linesSha256Before: '',
    removed: 0,
    blanked: 0,
    changes: [],
    description: undefined,
  };
  const source = async function* (): AsyncGenerator<Buffer> {
    const rewriter = new LineRewriter(judge, (change) => {
      if (change?.after) rewritten.blanked++;
      else rewritten.removed++;
      if (change) rewritten.changes.push(change);
    });
    for await (const line of linesWithEnds(read())) {
      signal.throwIfAborted();
      onProgress?.();
      before.update(line);
      const kept = rewriter.rewrite(line);
      if (kept === undefined) continue;
      after.update(kept);
      yield kept;
    }
  };
  const file = await open(to, 'wx');
  try {
    await writeAll(source(), compressor?.(), file);
    await file.sync();
  } finally {
    await file.close();
  }
  rewritten.linesSha256Before = before.finish().linesSha256;
  const expected = after.finish();
  if (expected.linesBytes === 0) return rewritten;
  const description = await describeSegment(to, compression, origin, signal, onProgress);
  if (description.linesSha256 !== expected.linesSha256)
    throw new ChatlogError('compression_failed', `${to} does not hold what was written to it`, {
      retryable: true,
      hint: 'check the memory and the disk of this machine',
    });
  return { ...rewritten, description };
}

/** How many lines would go or change; `enough` = it need not be known more exactly. */
export async function surveyLines(
  source: AsyncIterable<Uint8Array>,
  judge: LineJudge,
  signal: AbortSignal,
  enough = Number.POSITIVE_INFINITY,
): Promise<{ removed: number; blanked: number }> {
  const counts = { removed: 0, blanked: 0 };
  const rewriter = new LineRewriter(judge);
  for await (const line of linesWithEnds(source)) {
    signal.throwIfAborted();
    const kept = rewriter.rewrite(line);
    if (kept === undefined) counts.removed++;
    else if (kept !== line) counts.blanked++;
    if (counts.removed + counts.blanked >= enough) break;
  }
  return counts;
}

/** Judges line by line. */
class LineRewriter {
  readonly #judge: LineJudge;
  readonly #onChange: (change: LineChange | undefined) => void;
  readonly #before = new IdenticalLines();
  readonly #after = new IdenticalLines();

  /** @param onChange called with undefined for what is no line of ours and goes */
  constructor(judge: LineJudge, onChange: (change: LineChange | undefined) => void = () => {}) {
    this.#judge = judge;
    this.#onChange = onChange;
  }

  /** The very line where it stays, undefined where it goes. With its line end. */
  rewrite(line: Buffer): Buffer | undefined {
    const end = line.at(-1) === NEWLINE ? line.length - 1 : line.length;
    const text = line.toString('utf8', 0, end);
    if (!this.#judge.mayConcern(text)) return line;
    const before = indexLine(line.subarray(0, end), this.#before);
    if ('rejected' in before) {
      if (this.#judge.judgeUnreadable(text) === 'keep') return line;
      this.#onChange(undefined);
      return undefined;
    }
    const verdict = this.#judge.judge(before);
    if (verdict === 'keep') return line;
    const { key, timeMs } = before;
    if (verdict === 'remove') {
      this.#onChange({ before: { key, timeMs }, after: undefined });
      return undefined;
    }
    const blanked = Buffer.from(JSON.stringify(verdict));
    const after = indexLine(blanked, this.#after);
    if ('rejected' in after) throw new TypeError(`a blanked line is ${after.rejected}`);
    this.#onChange({ before: { key, timeMs }, after });
    return Buffer.concat([blanked, line.subarray(end)]);
  }
}

async function writeAll(
  source: AsyncIterable<Buffer>,
  compressor: Transform | undefined,
  file: FileHandle,
): Promise<void> {
  if (compressor) {
    await pump(source, compressor, (bytes) => file.writeFile(bytes));
    return;
  }
  for await (const bytes of source) await file.writeFile(bytes);
}

/** Each with its `\n`; what follows the last one too. Each is valid until the next is asked for. */
export async function* linesWithEnds(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      yield bytes.subarray(start, end + 1);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.length > LINE_BYTES_MAX)
      throw new ChatlogError('segment_corrupt', `a line longer than ${LINE_BYTES_MAX} bytes`);
  }
  if (rest.length > 0) yield rest;
}
