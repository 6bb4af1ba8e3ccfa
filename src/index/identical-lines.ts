/**
 * Counts lines that are the same in every byte, such as two joins of a user in one millisecond. They are neighbours: they
 * have one `received_at`, and lines stand in the order of their arrival. One counter goes through one segment.
 */
export class IdenticalLines {
  #receivedAt: unknown;
  #counts = new Map<string, number>();

  /** How many lines like this one came before it in the run of lines that were received at the same time. */
  countBefore(line: string, receivedAt: unknown): number {
    if (receivedAt !== this.#receivedAt) {
      this.#receivedAt = receivedAt;
      if (this.#counts.size > 0) this.#counts = new Map();
    }
    const before = this.#counts.get(line) ?? 0;
    this.#counts.set(line, before + 1);
    return before;
  }
}
