/** What could not be imported, in a file of JSON Lines: nothing is lost in silence. Made only where there is something. */
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export interface Reject {
  file: string;
  /** From 1; 0 where it is the file as a whole, or has no lines. */
  line: number;
  reason: string;
  original: Buffer;
}

const REASONS_MAX = 100;

export class Rejects {
  readonly path: string;
  #stream: WriteStream | undefined;
  #count = 0;
  readonly #reasons = new Map<string, number>();

  /** An earlier file of this name is replaced, once there is something to reject. */
  constructor(path: string) {
    this.path = path;
  }

  get count(): number {
    return this.#count;
  }

  /** How many of each kind, the most frequent first; of many kinds not all. */
  get reasons(): [reason: string, count: number][] {
    return [...this.#reasons].sort(([, a], [, b]) => b - a);
  }

  async add({ file, line, reason, original }: Reject): Promise<void> {
    this.#count++;
    const known = this.#reasons.get(reason);
    if (known !== undefined || this.#reasons.size < REASONS_MAX) this.#reasons.set(reason, (known ?? 0) + 1);
    if (!this.#stream) {
      this.#stream = createWriteStream(this.path);
      await once(this.#stream, 'open');
    }
    const exact = isUtf8(original) ? undefined : original.toString('base64');
    const text = `${JSON.stringify({ file, line, reason, text: original.toString('utf8'), text_base64: exact })}\n`;
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }

  async close(): Promise<void> {
    if (!this.#stream) return;
    this.#stream.end();
    await finished(this.#stream);
  }
}
