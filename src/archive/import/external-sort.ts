/**
 * Sorts any number of texts by keys, in a fixed amount of memory: what does not fit is written to a temporary file (below `TMPDIR`)
 * as sorted runs, compressed, since chat compresses well, which are merged as they are read. The file has no name from the moment
 * it is made: it goes with the process, however that ends.
 *
 * Limits: 32 MiB of texts in memory (counted as they are held, two bytes a letter), 32 runs read at a time, each with a block of
 * 256 KiB; more are merged into fewer first. The file holds what was added, compressed, and once more what is merged before.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { ChatlogError } from '../../lib/errors.ts';

export interface SortedItem {
  key: string;
  text: string;
}

export interface SortLimits {
  /** Bytes of what is held before a run is written. */
  heldBytesMax: number;
  /** Runs read at a time. */
  openRunsMax: number;
}

const LIMITS: SortLimits = { heldBytesMax: 32 * 1024 * 1024, openRunsMax: 32 };
const BLOCK_CHARS = 128 * 1024;
const ITEM_OVERHEAD_BYTES = 150;
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Where a run lies in the file. */
interface Place {
  from: number;
  to: number;
}

export class ExternalSort implements AsyncDisposable {
  readonly #limits: SortLimits;
  #held: SortedItem[] = [];
  #heldBytes = 0;
  #runs: Place[] = [];
  #file: FileHandle | undefined;
  #fileBytes = 0;

  constructor(limits: Partial<SortLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Neither key nor text may hold a line feed, and the key no tab. Resolves at once unless a run has to be written. */
  add(key: string, text: string): Promise<void> | undefined {
    this.#held.push({ key, text });
    this.#heldBytes += (key.length + text.length) * 2 + ITEM_OVERHEAD_BYTES;
    return this.#heldBytes < this.#limits.heldBytesMax ? undefined : this.#writeRun();
  }

  /** All of them, by key (UTF-16 code units) and text. Nothing may be added any more. */
  async *sorted(): AsyncGenerator<SortedItem> {
    if (this.#runs.length === 0) {
      yield* this.#held.sort(compareItems);
      return;
    }
    await this.#writeRun();
    while (this.#runs.length > this.#limits.openRunsMax) await this.#mergeSome();
    for await (const batch of merged(this.#file!, this.#runs)) yield* batch;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#held = [];
    await this.#file?.close();
    this.#file = undefined;
  }

  async #writeRun(): Promise<void> {
    const items = this.#held.sort(compareItems);
    this.#held = [];
    this.#heldBytes = 0;
    if (items.length > 0) this.#runs.push(await this.#write([items]));
  }

  /** The oldest runs, which are the smallest: each is written as seldom as can be. */
  async #mergeSome(): Promise<void> {
    const some = this.#runs.splice(0, this.#limits.openRunsMax);
    this.#runs.push(await this.#write(merged(this.#file!, some)));
  }

  async #write(batches: Iterable<SortedItem[]> | AsyncIterable<SortedItem[]>): Promise<Place> {
    this.#file ??= await openNameless();
    const from = this.#fileBytes;
    let lines: string[] = [];
    let chars = 0;
    for await (const batch of batches) {
      for (const { key, text } of batch) {
        lines.push(`${key}\t${text}\n`);
        chars += key.length + text.length;
        if (chars < BLOCK_CHARS) continue;
        await this.#writeBlock(lines.join(''));
        lines = [];
        chars = 0;
      }
    }
    if (lines.length > 0) await this.#writeBlock(lines.join(''));
    return { from, to: this.#fileBytes };
  }

  /** Its length (4 bytes), then so many bytes of zstd. */
  async #writeBlock(lines: string): Promise<void> {
    const bytes = await compress(lines, OPTIONS);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(bytes.length);
    for (const piece of [head, bytes]) {
      for (let done = 0; done < piece.length; ) {
        const { bytesWritten } = await this.#file!.write(piece, done, piece.length - done, this.#fileBytes);
        done += bytesWritten;
        this.#fileBytes += bytesWritten;
      }
    }
  }
}

async function openNameless(): Promise<FileHandle> {
  const path = join(tmpdir(), `chatlog-sort-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

function compareItems(a: SortedItem, b: SortedItem): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
}

class Run {
  readonly #file: FileHandle;
  readonly #to: number;
  #position: number;
  #block: SortedItem[] = [];
  #next = 0;
  head: SortedItem | undefined;

  constructor(file: FileHandle, { from, to }: Place) {
    this.#file = file;
    this.#position = from;
    this.#to = to;
  }

  /** False where the next block has to be read first ({@link load}). */
  advance(): boolean {
    this.head = this.#block[this.#next++];
    return this.head !== undefined;
  }

  async load(): Promise<void> {
    this.#block = [];
    if (this.#position < this.#to) {
      const length = (await this.#read(4)).readUInt32LE();
      this.#block = parseBlock((await decompress(await this.#read(length))).toString('utf8'));
    }
    this.#next = 0;
    this.advance();
  }

  async #read(length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, this.#position);
      if (bytesRead === 0)
        throw new ChatlogError('scratch_damaged', 'a temporary file lost what was written to it');
      done += bytesRead;
      this.#position += bytesRead;
    }
    return bytes;
  }
}

function parseBlock(text: string): SortedItem[] {
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => {
      const tab = line.indexOf('\t');
      return { key: line.slice(0, tab), text: line.slice(tab + 1) };
    });
}

const BATCH_ITEMS = 1000;

async function* merged(file: FileHandle, places: readonly Place[]): AsyncGenerator<SortedItem[]> {
  let alive = places.map((place) => new Run(file, place));
  for (const run of alive) await run.load();
  let batch: SortedItem[] = [];
  while (alive.length > 0) {
    const [least, bound] = leastTwo(alive);
    // Logs are nearly in order: a run mostly goes on for long before another one's turn comes.
    while (least.head && (!bound || compareItems(least.head, bound) <= 0)) {
      batch.push(least.head);
      if (!least.advance()) await least.load();
      if (batch.length < BATCH_ITEMS) continue;
      yield batch;
      batch = [];
    }
    if (!least.head) alive = alive.filter((run) => run !== least);
  }
  if (batch.length > 0) yield batch;
}

/** The run whose turn it is, and what comes first in the others. */
function leastTwo(runs: readonly Run[]): [least: Run, bound: SortedItem | undefined] {
  let least = runs[0]!;
  let bound: SortedItem | undefined;
  for (const run of runs.slice(1)) {
    if (compareItems(run.head!, least.head!) < 0) {
      bound = least.head;
      least = run;
    } else if (!bound || compareItems(run.head!, bound) < 0) bound = run.head;
  }
  return [least, bound];
}
