/** A thread's end of the conversation about one scan: batches go out as fast as they are taken, pieces of objects come in. */
import type { MessagePort } from 'node:worker_threads';
import { batchBuffers, type LineBatch, ownBatch, splitBatch } from './line-batch.ts';
import type { ScanReport } from './scan-request.ts';

/** From the thread. */
export type FromScan =
  | { kind: 'batch'; batch: LineBatch }
  /** The next piece of this segment. */
  | { kind: 'want'; segment: number }
  | { kind: 'end'; report: ScanReport };

/** To the thread. A port that closes ends the scan. */
export type ToScan =
  /** One more batch may come. */
  | { kind: 'more' }
  | { kind: 'piece'; bytes: Uint8Array }
  /** The segment has no more; `damage`: its bytes were not those it describes. */
  | { kind: 'pieceEnd'; damage: string | undefined };

/** Batches on their way. */
export const CREDITS = 4;
const BATCH_BYTES = 1024 * 1024;

export class ScanPort {
  isClosed = false;
  readonly #port: MessagePort;
  readonly #damages = new Map<number, string>();
  #credits = CREDITS;
  #piece: Uint8Array | 'end' | undefined;
  #pieceDamage: string | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: ToScan) => this.#take(message));
    port.on('close', () => {
      this.isClosed = true;
      this.#wake.resolve();
    });
  }

  /** In parts of about a mebibyte. Rejects when nobody listens any more. */
  async send(batch: LineBatch): Promise<void> {
    for (const part of splitBatch(batch, BATCH_BYTES)) {
      await this.#until(() => this.#credits > 0);
      this.#credits--;
      const own = ownBatch(part);
      this.#port.postMessage({ kind: 'batch', batch: own } satisfies FromScan, batchBuffers(own));
    }
  }

  /** The object's bytes as stored; {@link damageOf} tells afterwards whether they were right. */
  async *pieces(segment: number): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#port.postMessage({ kind: 'want', segment } satisfies FromScan);
      await this.#until(() => this.#piece !== undefined);
      const piece: Uint8Array | 'end' = this.#piece!;
      if (piece === 'end') {
        if (this.#pieceDamage !== undefined) this.#damages.set(segment, this.#pieceDamage);
        return;
      }
      this.#piece = undefined;
      yield piece;
    }
  }

  damageOf(segment: number): string | undefined {
    return this.#damages.get(segment);
  }

  end(report: ScanReport): void {
    this.#port.postMessage({ kind: 'end', report } satisfies FromScan);
    this.#port.close();
  }

  #take(message: ToScan): void {
    if (message.kind === 'more') this.#credits++;
    else if (message.kind === 'piece') this.#piece = message.bytes;
    else {
      this.#piece = 'end';
      this.#pieceDamage = message.damage;
    }
    this.#wake.resolve();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.isClosed) throw new Error('nobody listens any more');
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    if (this.isClosed) throw new Error('nobody listens any more');
  }
}
