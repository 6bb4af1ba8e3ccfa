/**
 * Lines without an identity of their own (NOTICE, ROOMSTATE, JOIN, PART) while two connections deliver the same
 * channel. For that time they get one: the line itself and its ordinal on its connection, counted from the moment
 * the second JOIN left. Both connections see the same lines in the same order, so that the n-th equal line of the one
 * is the n-th of the other.
 *
 * Bounded: beyond {@link DISTINCT_MAX} different lines of one overlap, lines have no identity again.
 */
import { hash } from 'node:crypto';

interface Overlap {
  readonly number: number;
  readonly connections: ReadonlySet<string>;
  /** `connection digest` to how often it came. */
  readonly counts: Map<string, number>;
}

const DISTINCT_MAX = 20_000;

export class Overlaps {
  readonly #overlaps = new Map<string, Overlap>();
  /** Tells the overlaps of this process, and of those before it, apart. */
  readonly #run: string;
  #number = 0;

  /** @param run unique to this process */
  constructor(run: string) {
    this.#run = run;
  }

  begin(channel: string, from: string, to: string): void {
    this.#overlaps.set(channel, {
      number: ++this.#number,
      connections: new Set([from, to]),
      counts: new Map(),
    });
  }

  /** The connection no longer delivers the channel. */
  end(channel: string, connection: string): void {
    if (this.#overlaps.get(channel)?.connections.has(connection)) this.#overlaps.delete(channel);
  }

  /** The connection no longer delivers anything. */
  endAll(connection: string): void {
    for (const channel of this.#overlaps.keys()) this.end(channel, connection);
  }

  /** The line's identity, '' where no overlap is under way. */
  identity(channel: string, connection: string, line: string): string {
    const overlap = this.#overlaps.get(channel);
    if (!overlap?.connections.has(connection)) return '';
    const digest = hash('sha256', line, 'base64').slice(0, 22);
    const key = `${connection} ${digest}`;
    const seen = overlap.counts.get(key);
    if (seen === undefined && overlap.counts.size >= DISTINCT_MAX) return '';
    const ordinal = (seen ?? 0) + 1;
    overlap.counts.set(key, ordinal);
    return `overlap ${this.#run} ${overlap.number} ${ordinal} ${digest}`;
  }
}
