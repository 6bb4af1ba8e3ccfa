/** A thread's end of the conversation about one scan: objects come in as they are asked for, batches go out as they are taken. */
import type { MessagePort } from 'node:worker_threads';
import { batchBuffers, type LineBatch, ownBatch, splitBatch } from './line-batch.ts';
import type { ScanReport } from './scan-request.ts';

/** From the thread. */
export type FromScan =
  | { kind: 'batch'; batch: LineBatch }
  /** This segment's object, or the next piece of it. */
  | { kind: 'want'; segment: number }
  | { kind: 'end'; report: ScanReport };

/** To the thread. A port that closes ends the scan. */
export type ToScan =
  /** One more batch may come. */
  { kind: 'more' } | SegmentAnswer;

export type SegmentAnswer =
  | WholeObject
  /** Of an object that is too large to be held. */
  | { kind: 'piece'; bytes: Uint8Array }
  /** There are no more pieces; `damage`: they were not what the object describes. */
  | { kind: 'pieceEnd'; damage: string | undefined }
  /** It went away: there is nothing to read. */
  | { kind: 'missing' };

export interface WholeObject {
  kind: 'whole';
  bytes: Uint8Array<ArrayBuffer>;
  /** Of its lines, as the object says. */
  linesBytes?: number;
  /** What its lines must have; left out where the object's own digest has shown them to be intact, or it has none. */
  linesSha256?: string;
}

/** Batches on their way. */
const CREDITS = 4;
/** What is larger is sent in parts of this size: a batch of the merger is a little more than half of it. */
const PART_BYTES = 2 * 1024 * 1024;

export class ScanPort {
  isClosed = false;
  readonly #port: MessagePort;
  #credits = CREDITS;
  #answer: SegmentAnswer | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: ToScan) => {
      if (message.kind === 'more') this.#credits++;
      else this.#answer = message;
      this.#wake.resolve();
    });
    port.on('close', () => {
      this.isClosed = true;
      this.#wake.resolve();
    });
  }

  /** Rejects when nobody listens any more. */
  async send(batch: LineBatch): Promise<void> {
    for (const part of splitBatch(batch, PART_BYTES)) {
      await this.#until(() => this.#credits > 0);
      this.#credits--;
      const own = ownBatch(part);
      this.#say({ kind: 'batch', batch: own }, batchBuffers(own));
    }
  }

  /** The segment's object or, where that is large, its next piece. */
  async ask(segment: number): Promise<SegmentAnswer> {
    this.#say({ kind: 'want', segment });
    await this.#until(() => this.#answer !== undefined);
    const answer = this.#answer!;
    this.#answer = undefined;
    return answer;
  }

  end(report: ScanReport): void {
    this.#say({ kind: 'end', report });
    this.#port.close();
  }

  #say(message: FromScan, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.isClosed) {
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    if (this.isClosed) throw new Error('nobody listens any more');
  }
}
