/**
 * Ids of rows by their names, as this process last saw them. What a transaction learns counts for itself alone until it is
 * committed. Bounded: of what was not asked for since the cache last filled up, nothing is kept.
 */
export class IdCache {
  readonly #max: number;
  #recent = new Map<string, number>();
  #older = new Map<string, number>();
  #pending = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  get(name: string): number | undefined {
    const id = this.#pending.get(name) ?? this.#recent.get(name);
    if (id !== undefined) return id;
    const older = this.#older.get(name);
    if (older !== undefined) this.#recent.set(name, older);
    return older;
  }

  /** Of the transaction that runs. */
  add(name: string, id: number): void {
    this.#pending.set(name, id);
  }

  commit(): void {
    // Only here is anything let go: what a transaction has found once it finds again.
    if (this.#recent.size + this.#pending.size > this.#max) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    for (const [name, id] of this.#pending) this.#recent.set(name, id);
    this.#pending = new Map();
  }

  rollback(): void {
    this.#pending = new Map();
  }

  clear(): void {
    this.#recent = new Map();
    this.#older = new Map();
    this.#pending = new Map();
  }
}
