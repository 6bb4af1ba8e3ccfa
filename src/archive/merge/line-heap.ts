/** Cursors by the time of their next line: a binary heap whose entries know where they stand. */
export interface HeapEntry {
  headMs: number;
  /** In the heap; -1 outside of it. The heap's own. */
  place: number;
}

export class LineHeap<E extends HeapEntry> {
  readonly #entries: E[] = [];

  top(): E | undefined {
    return this.#entries[0];
  }

  /** The earliest of all but the {@link top}; infinite where there is no other. */
  secondMs(): number {
    const left = this.#entries[1]?.headMs ?? Number.POSITIVE_INFINITY;
    const right = this.#entries[2]?.headMs ?? Number.POSITIVE_INFINITY;
    return left < right ? left : right;
  }

  push(entry: E): void {
    this.#entries.push(entry);
    this.#rise(this.#entries.length - 1);
  }

  /** Its time has changed. */
  moved(entry: E): void {
    this.#sink(this.#rise(entry.place));
  }

  remove(entry: E): void {
    const { place } = entry;
    if (place < 0) return;
    const last = this.#entries.pop()!;
    entry.place = -1;
    if (last === entry) return;
    this.#put(last, place);
    this.moved(last);
  }

  #rise(place: number): number {
    const entry = this.#entries[place]!;
    let at = place;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#entries[parent]!.headMs <= entry.headMs) break;
      this.#put(this.#entries[parent]!, at);
      at = parent;
    }
    this.#put(entry, at);
    return at;
  }

  #sink(place: number): void {
    const entry = this.#entries[place]!;
    const length = this.#entries.length;
    let at = place;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#entries[child + 1]!.headMs < this.#entries[child]!.headMs) child++;
      if (this.#entries[child]!.headMs >= entry.headMs) break;
      this.#put(this.#entries[child]!, at);
      at = child;
    }
    this.#put(entry, at);
  }

  #put(entry: E, place: number): void {
    this.#entries[place] = entry;
    entry.place = place;
  }
}
