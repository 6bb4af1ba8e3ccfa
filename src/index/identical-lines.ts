/**
 * Counts lines that are the same in every byte, such as two joins of a user in one millisecond. They are neighbours: they
 * have one `received_at`, and lines stand in the order of their arrival. One counter goes through one segment.
 */
export class IdenticalLines {
  #receivedAt: unknown;
  #counts = new Map<string, number>();

  /** A line that something else identifies: it is not counted, but may end a run. */
  pass(receivedAt: unknown): void {
    if (receivedAt === this.#receivedAt) return;
    this.#receivedAt = receivedAt;
    if (this.#counts.size > 0) this.#counts = new Map();
  }

  /** How many lines like this one came before it in the run of lines that were received at the same time. */
  countBefore(line: string, receivedAt: unknown): number {
    this.pass(receivedAt);
    const before = this.#counts.get(line) ?? 0;
    this.#counts.set(line, before + 1);
    return before;
  }
}
