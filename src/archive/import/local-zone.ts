/**
 * Local times of logs to UTC. Where clocks were set back, an hour exists twice: which of the two is meant follows from what
 * stood before it in the log. Where they were set forward, times that no clock showed count as before the change.
 */

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Changes happen at full quarters of an hour. */
const QUARTER_MS = 15 * MINUTE_MS;
/** Lines stand in the order of their time but for so much. */
const DISORDER_MS = 5 * MINUTE_MS;
const REMEMBERED_MAX = 10_000;

export class LocalZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat | undefined;
  readonly #fixedMs: number;
  /** By quarter of an hour of local time. */
  #offsets = new Map<number, readonly number[]>();

  private constructor(name: string, fixedMs: number | undefined) {
    this.name = name;
    this.#fixedMs = fixedMs ?? 0;
    if (fixedMs === undefined)
      this.#format = new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
        timeZone: name,
        ...({ year: 'numeric', month: 'numeric', day: 'numeric', era: 'short' } as const),
        ...({ hour: 'numeric', minute: 'numeric', second: 'numeric', hourCycle: 'h23' } as const),
      });
  }

  /** `UTC`, `Z`, `+02:00`, `-0500`, or an IANA name; undefined for anything else. */
  static of(text: string): LocalZone | undefined {
    if (/^(?:utc|z|gmt)$/i.test(text)) return new LocalZone('UTC', 0);
    const fixed = /^([+-])(\d\d):?([0-5]\d)$/.exec(text);
    if (fixed) {
      const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
      return minutes > 18 * 60
        ? undefined
        : new LocalZone(text, (fixed[1] === '-' ? -1 : 1) * minutes * MINUTE_MS);
    }
    try {
      return new LocalZone(text, undefined);
    } catch {
      return undefined;
    }
  }

  /**
   * @param localMs the local time, as ms since the epoch if it were UTC
   * @param afterMs the time (UTC) of what stands before it in the log
   */
  toUtcMs(localMs: number, afterMs?: number): number {
    const [first, second] = this.#candidates(localMs);
    const firstMs = localMs - first!;
    if (second === undefined || afterMs === undefined) return firstMs;
    const secondMs = localMs - second;
    const isPast = firstMs < afterMs - DISORDER_MS && secondMs >= afterMs - DISORDER_MS;
    return isPast ? secondMs : firstMs;
  }

  /** Whether clocks showed this local time twice. */
  isTwice(localMs: number): boolean {
    return this.#candidates(localMs).length > 1;
  }

  /** Offsets from UTC, in ms, that a local time can have: the one that gives the earlier moment first. */
  #candidates(localMs: number): readonly number[] {
    if (!this.#format) return [this.#fixedMs];
    const quarter = Math.floor(localMs / QUARTER_MS);
    const known = this.#offsets.get(quarter);
    if (known) return known;
    if (this.#offsets.size >= REMEMBERED_MAX) this.#offsets = new Map();
    const atMs = quarter * QUARTER_MS;
    const before = this.#offsetAt(atMs - DAY_MS);
    const after = this.#offsetAt(atMs + DAY_MS);
    const fitting = [...new Set([before, after])].filter(
      (offset) => this.#offsetAt(atMs - offset) === offset,
    );
    const found = fitting.length === 0 ? [before] : fitting.sort((a, b) => b - a);
    this.#offsets.set(quarter, found);
    return found;
  }

  #offsetAt(utcMs: number): number {
    const parts: Record<string, string> = {};
    for (const { type, value } of this.#format!.formatToParts(utcMs)) parts[type] = value;
    const { year, month, day, hour, minute, second, era } = parts;
    const shown = new Date(0);
    shown.setUTCFullYear(
      (era === 'BC' ? 1 - Number(year) : Number(year)) || 0,
      Number(month) - 1,
      Number(day),
    );
    shown.setUTCHours(Number(hour), Number(minute), Number(second));
    return shown.getTime() - Math.floor(utcMs / 1000) * 1000;
  }
}
