/**
 * Finds channels that fell silent against their own habit. Twitch sometimes stops delivering a channel on a
 * connection that is otherwise alive ("ghost join"); nothing tells it from a chat that ended, except to ask again.
 * A channel that was asked about in vain is left alone for twice as long each time, until it speaks.
 *
 * Silence is measured by a monotonic clock: the wall clock may jump, and no channel fell silent then.
 */
interface Habit {
  /** When it spoke last, or its feed began; monotonic. */
  quietSinceMs: number;
  /** When it spoke last, ms since the epoch: only told, never measured by. */
  heardAtMs: number;
  /** Moving mean of the time between two lines. */
  meanMs: number;
  lines: number;
  /** How often it was suspected since it last spoke. */
  suspected: number;
}

export interface SilenceOptions {
  /** No shorter silence is suspicious... */
  minSilenceMs: number;
  /** ...nor one of fewer than so many usual intervals. */
  intervals: number;
}

/** Too few lines are no habit. */
const LINES_MIN = 5;
/** Weight of the newest interval in the mean. */
const WEIGHT = 1 / 16;
const SUSPECTED_MAX = 8;

export class SilenceWatch {
  readonly #options: SilenceOptions;
  readonly #habits = new Map<string, Habit>();

  constructor(options: SilenceOptions) {
    this.#options = options;
  }

  /** The channel's feed begins, perhaps once more: silence counts from here on. */
  add(channel: string, nowMs: number): void {
    const habit = this.#habits.get(channel);
    if (habit) habit.quietSinceMs = nowMs;
    else this.#habits.set(channel, { quietSinceMs: nowMs, heardAtMs: 0, meanMs: 0, lines: 0, suspected: 0 });
  }

  remove(channel: string): void {
    this.#habits.delete(channel);
  }

  /** When the channel last spoke, ms since the epoch; 0 = never. */
  heardAtMs(channel: string): number {
    return this.#habits.get(channel)?.heardAtMs ?? 0;
  }

  /** Nothing was listened to until now, whoever spoke. */
  deaf(nowMs: number): void {
    for (const habit of this.#habits.values()) habit.quietSinceMs = nowMs;
  }

  /** A line of the channel came, at `receivedAtMs` since the epoch. Called for every line: no allocation. */
  heard(channel: string, nowMs: number, receivedAtMs: number): void {
    const habit = this.#habits.get(channel);
    if (!habit) return;
    if (habit.lines > 0) {
      const intervalMs = nowMs - habit.quietSinceMs;
      habit.meanMs += (intervalMs - habit.meanMs) * (habit.lines === 1 ? 1 : WEIGHT);
    }
    habit.quietSinceMs = nowMs;
    habit.heardAtMs = receivedAtMs;
    habit.lines++;
    habit.suspected = 0;
  }

  /** Channels whose silence is suspicious now; each is reported once per (growing) span of silence. */
  suspects(nowMs: number): string[] {
    const suspects: string[] = [];
    for (const [channel, habit] of this.#habits) {
      if (habit.lines < LINES_MIN) continue;
      const toleratedMs =
        Math.max(this.#options.minSilenceMs, this.#options.intervals * habit.meanMs) * 2 ** habit.suspected;
      if (nowMs - habit.quietSinceMs < toleratedMs) continue;
      habit.suspected = Math.min(habit.suspected + 1, SUSPECTED_MAX);
      suspects.push(channel);
    }
    return suspects;
  }
}
