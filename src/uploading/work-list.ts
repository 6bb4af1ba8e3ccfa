/**
 * Segments that wait for something to be done with them, ordered by the time in their name. Bounded: of more than it
 * holds, the oldest and a few of the newest stay; the rest is found again by the next look at the directory.
 */
import type { Compression } from '../segment-name.ts';

export interface WorkItem {
  file: string;
  startMs: number;
  compression: Compression;
}

/** Which end of the list to work at. */
export type Order = 'oldest' | 'newest';

export class WorkList {
  readonly #limit: number;
  readonly #newestKept: number;
  #items: WorkItem[] = [];
  #overflowed = false;

  constructor(limit = 2048, newestKept = 64) {
    this.#limit = limit;
    this.#newestKept = newestKept;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Something was left out since the last {@link beginScan}. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  /** Called before everything there is is added anew. */
  beginScan(): void {
    this.#overflowed = false;
  }

  /** Adding what is there already changes nothing. */
  add(item: WorkItem): void {
    const index = this.#indexOf(item);
    if (this.#items[index]?.file === item.file) return;
    this.#items.splice(index, 0, item);
    if (this.#items.length <= this.#limit) return;
    this.#items.splice(this.#limit - this.#newestKept, 1);
    this.#overflowed = true;
  }

  /** Takes the first item from that end that may be worked on now. */
  take(order: Order, mayTake: (file: string) => boolean = () => true): WorkItem | undefined {
    const find = (item: WorkItem): boolean => mayTake(item.file);
    const index = order === 'oldest' ? this.#items.findIndex(find) : this.#items.findLastIndex(find);
    return index < 0 ? undefined : this.#items.splice(index, 1)[0];
  }

  /** Where the item is, or would be. */
  #indexOf(item: WorkItem): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(this.#items[middle]!, item)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isBefore(a: WorkItem, b: WorkItem): boolean {
  return a.startMs < b.startMs || (a.startMs === b.startMs && a.file < b.file);
}
