/** The lines of some segments as a thread makes them. Objects are fetched when the thread comes to them, and a little before. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ChatlogError } from '../../lib/errors.ts';
import { decodeName } from '../../segment-name.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject, segmentSpan, type TimeSpan } from '../../storage/segment-span.ts';
import { fetchObject, streamObject } from '../fetch-object.ts';
import type { LineSource } from '../merge/line-source.ts';
import type { LineBatch } from './line-batch.ts';
import type { FromScan, SegmentAnswer, ToScan } from './scan-port.ts';
import type { ScannedSegment } from './scan-request.ts';
import type { Scanner } from './scanner.ts';

/** Objects up to this are fetched whole, and checked before anything is made of them; larger ones come in pieces. */
const WHOLE_BYTES_MAX = 4 * 1024 * 1024;
/** Fetched before the thread asks for them. */
const AHEAD_BYTES = 8 * 1024 * 1024;
const PIECE_BYTES = 512 * 1024;

type Answers = AsyncGenerator<SegmentAnswer, undefined>;

export class SegmentSource implements LineSource {
  readonly #scanner: Scanner;
  readonly #segments: readonly StoredSegment[];
  readonly #batches: LineBatch[] = [];
  readonly #port: MessagePort;
  /** Whole objects on their way, by segment. */
  readonly #coming = new Map<number, Promise<SegmentAnswer>>();
  #nextToFetch = 0;
  #aheadBytes = 0;
  /** The one that comes in pieces. */
  #pieces: { segment: number; answers: Answers } | undefined;
  #isEnded = false;
  #isClosed = false;
  #failure: { error: unknown } | undefined;
  #wake = Promise.withResolvers<void>();

  /** @param span where it is not the one that their names say */
  constructor(scanner: Scanner, segments: readonly StoredSegment[], span: TimeSpan | undefined) {
    this.#scanner = scanner;
    this.#segments = segments;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message: FromScan) => this.#take(message));
    const { selection, search, isCounted, pool, heldBytes } = scanner.options;
    const input = {
      segments: segments.map((segment) => ({
        ...scannedSegment(segment, span),
        isCounted: isCounted?.(segment) === true,
      })),
      request: { ...selection, search },
      isSorted: isDayObject(segments[0]!),
      heldBytes,
      port: port2,
    };
    pool.run('scan', input, [port2]).catch((error: unknown) => this.#fail(error));
    this.#fetchAhead();
  }

  async next(): Promise<LineBatch | undefined> {
    while (this.#batches.length === 0) {
      if (this.#failure) throw this.#failure.error;
      if (this.#isEnded) return undefined;
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    this.#say({ kind: 'more' });
    return this.#batches.shift();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    void this.#pieces?.answers.return(undefined).catch(() => {});
    if (!this.#isEnded) this.#fail(new ChatlogError('stopped', 'stopped'));
  }

  #take(message: FromScan): void {
    if (message.kind === 'want') {
      this.#answer(message.segment).catch((error: unknown) => this.#fail(error));
      return;
    }
    if (message.kind === 'batch') this.#batches.push(message.batch);
    else {
      this.#port.close();
      this.#scanner.addReport(message.report);
      const [damaged] = message.report.damaged;
      if (damaged && this.#scanner.options.isStrict)
        this.#fail(new ChatlogError('object_damaged', `${damaged.key}: ${damaged.reason}`));
      this.#isEnded = true;
    }
    this.#wake.resolve();
  }

  async #answer(index: number): Promise<void> {
    const answer = await this.#answerOf(index);
    const isPiece = answer.kind === 'piece';
    if (!isPiece) this.#scanner.options.onObject?.();
    if (isPiece || answer.kind === 'whole') this.#say(answer, [answer.bytes.buffer as ArrayBuffer]);
    else this.#say(answer);
  }

  async #answerOf(index: number): Promise<SegmentAnswer> {
    const { key, bytes } = this.#segments[index]!;
    if (bytes > WHOLE_BYTES_MAX) {
      if (this.#pieces?.segment !== index) this.#pieces = { segment: index, answers: this.#inPieces(key) };
      return (await this.#pieces.answers.next()).value ?? { kind: 'missing' };
    }
    const answer = this.#coming.get(index) ?? this.#fetch(index);
    this.#coming.delete(index);
    this.#aheadBytes -= bytes;
    this.#fetchAhead();
    return answer;
  }

  #fetchAhead(): void {
    for (; this.#nextToFetch < this.#segments.length; this.#nextToFetch++) {
      const { bytes } = this.#segments[this.#nextToFetch]!;
      if (bytes > WHOLE_BYTES_MAX) continue;
      if (this.#aheadBytes > 0 && this.#aheadBytes + bytes > AHEAD_BYTES) return;
      const coming = this.#fetch(this.#nextToFetch);
      coming.catch(() => {});
      this.#coming.set(this.#nextToFetch, coming);
      this.#aheadBytes += bytes;
    }
  }

  async #fetch(index: number): Promise<SegmentAnswer> {
    const { key, bytes: size } = this.#segments[index]!;
    const { store, signal, onFetched } = this.#scanner.options;
    try {
      const { bytes, description, isIntact } = await this.#scanner.fetching(size, () => {
        if (this.#isClosed) throw new ChatlogError('stopped', 'stopped');
        return fetchObject(store, key, signal);
      });
      onFetched?.(bytes.length);
      return {
        ...{ kind: 'whole', bytes },
        ...(description && { linesBytes: description.linesBytes }),
        ...(description && isIntact === false && { linesSha256: description.linesSha256 }),
      };
    } catch (error) {
      this.#noteMissing(key, error);
      return { kind: 'missing' };
    }
  }

  async *#inPieces(key: string): Answers {
    const { store, signal, onFetched } = this.#scanner.options;
    const object = streamObject(store, key, signal);
    try {
      for await (const bytes of inPieces(object.chunks(), onFetched)) yield { kind: 'piece', bytes };
      const damage = object.isIntact === false ? 'its bytes are not those that it describes' : undefined;
      yield { kind: 'pieceEnd', damage };
    } catch (error) {
      this.#noteMissing(key, error);
      yield { kind: 'missing' };
    }
  }

  /** Throws what is something else, or not to be borne. */
  #noteMissing(key: string, error: unknown): void {
    const isMissing = error instanceof ChatlogError && error.code === 'object_missing';
    if (!isMissing || this.#scanner.options.isStrict) throw error;
    this.#scanner.findings.missing.push(key);
  }

  #say(message: ToScan, transfer: ArrayBuffer[] = []): void {
    if (!this.#isClosed && !this.#isEnded) this.#port.postMessage(message, transfer);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#port.close();
    this.#wake.resolve();
  }
}

function scannedSegment(segment: StoredSegment, span: TimeSpan | undefined): ScannedSegment {
  const { key, platform, channel } = segment;
  return {
    key,
    platform: decodeName(platform) ?? platform,
    channel: decodeName(channel) ?? channel,
    span: span ?? segmentSpan(segment),
  };
}

/** Larger pieces, in buffers of their own. */
async function* inPieces(
  chunks: AsyncIterable<Uint8Array>,
  onFetched: ((bytes: number) => void) | undefined,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(PIECE_BYTES);
  let length = 0;
  for await (const chunk of chunks) {
    onFetched?.(chunk.length);
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + PIECE_BYTES - length);
      piece.set(part, length);
      length += part.length;
      at += part.length;
      if (length < PIECE_BYTES) continue;
      yield piece;
      piece = new Uint8Array(PIECE_BYTES);
      length = 0;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}
