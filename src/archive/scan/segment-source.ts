/** The lines of one channel's hour, or of one day object, as a thread makes them. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { ChatlogError } from '../../lib/errors.ts';
import { decodeName } from '../../segment-name.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject, type TimeSpan } from '../../storage/segment-span.ts';
import { type FetchedObject, fetchObject, type StreamedObject, streamObject } from '../fetch-object.ts';
import type { LineSource } from '../merge/line-source.ts';
import type { LineBatch } from './line-batch.ts';
import type { FromScan, ToScan } from './scan-port.ts';
import type { ScannedSegment } from './scan-task.ts';
import type { Scanner } from './scanner.ts';

/** Objects up to this are fetched whole, and checked before anything is made of them; larger ones come in pieces. */
const WHOLE_BYTES_MAX = 4 * 1024 * 1024;
const PIECE_BYTES = 512 * 1024;

export class SegmentSource implements LineSource {
  readonly #platform: string;
  readonly #scanner: Scanner;
  readonly #segments: readonly StoredSegment[];
  readonly #span: TimeSpan;
  readonly #streams = new Map<number, { object: StreamedObject; pieces: AsyncGenerator<Uint8Array> }>();
  readonly #batches: LineBatch[] = [];
  #port: MessagePort | undefined;
  #isEnded = false;
  #isClosed = false;
  #failure: { error: unknown } | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(scanner: Scanner, segments: readonly StoredSegment[], span: TimeSpan) {
    const { platform } = segments[0]!;
    this.#platform = decodeName(platform) ?? platform;
    this.#scanner = scanner;
    this.#segments = segments;
    this.#span = span;
    this.#begin().catch((error: unknown) => this.#fail(error));
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
    this.#port?.close();
    for (const { pieces } of this.#streams.values()) void pieces.return(undefined).catch(() => {});
    if (!this.#isEnded) this.#fail(new ChatlogError('stopped', 'stopped'));
  }

  async #begin(): Promise<void> {
    const { signal, selection, search, pool, heldBytes } = this.#scanner.options;
    const fetched = await Promise.all(this.#segments.map((segment) => this.#fetched(segment)));
    signal.throwIfAborted();
    if (this.#isClosed) return;
    const segments = fetched.filter((segment) => segment !== undefined);
    for (const [index, { key, bytes }] of segments.entries()) if (!bytes) this.#stream(index, key);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message: FromScan) => this.#take(message, segments.length));
    const first = this.#segments[0]!;
    const input = {
      request: { platform: this.#platform, span: this.#span, selection, search },
      segments,
      isSorted: isDayObject(first),
      heldBytes,
      port: port2,
    };
    const buffers = segments.flatMap(({ bytes }) => (bytes ? [bytes.buffer] : []));
    await pool.run('scan', input, [port2, ...buffers]);
  }

  /** Undefined where the object went away. */
  async #fetched({ key, bytes }: StoredSegment): Promise<ScannedSegment | undefined> {
    if (bytes > WHOLE_BYTES_MAX) return { key };
    const { store, signal, onFetched } = this.#scanner.options;
    try {
      const object = await this.#scanner.fetching(() => fetchObject(store, key, signal));
      onFetched?.(object.bytes.length);
      return scannedSegment(object);
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#scanner.addMissing(key);
      return undefined;
    }
  }

  #stream(index: number, key: string): void {
    const { store, signal, onFetched } = this.#scanner.options;
    const object = streamObject(store, key, signal);
    this.#streams.set(index, { object, pieces: inPieces(object.chunks(), onFetched) });
  }

  #take(message: FromScan, objects: number): void {
    if (message.kind === 'batch') this.#batches.push(message.batch);
    else if (message.kind === 'want') {
      this.#givePiece(message.segment).catch((error: unknown) => this.#fail(error));
      return;
    } else {
      this.#isEnded = true;
      this.#port?.close();
      this.#scanner.addReport(this.#platform, objects, message.report);
    }
    this.#wake.resolve();
  }

  async #givePiece(index: number): Promise<void> {
    const { object, pieces } = this.#streams.get(index)!;
    try {
      const { value, done } = await pieces.next();
      if (!done) {
        this.#say({ kind: 'piece', bytes: value }, [value.buffer as ArrayBuffer]);
        return;
      }
      const damage = object.isIntact === false ? NOT_AS_DESCRIBED : undefined;
      this.#say({ kind: 'pieceEnd', damage });
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#say({ kind: 'pieceEnd', damage: 'it went away' });
    }
  }

  #say(message: ToScan, transfer: ArrayBuffer[] = []): void {
    if (!this.#isClosed && !this.#isEnded) this.#port?.postMessage(message, transfer);
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#port?.close();
    this.#wake.resolve();
  }
}

const NOT_AS_DESCRIBED = 'its bytes are not those that it describes';

function scannedSegment({ key, bytes, description, isIntact }: FetchedObject): ScannedSegment {
  return {
    ...{ key, bytes },
    ...(description && { linesBytes: description.linesBytes }),
    ...(description && isIntact === false && { linesSha256: description.linesSha256 }),
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

function isMissing(error: unknown): boolean {
  return error instanceof ChatlogError && error.code === 'object_missing';
}
