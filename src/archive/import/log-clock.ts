/** The time of the lines of a log that tells local times, often without the day. One for each source. */
import type { LocalZone } from './local-zone.ts';

const DAY_MS = 86_400_000;
/** So far may a line be behind the one before it without another day having begun. */
const DISORDER_MS = 5 * 60_000;
const HOUR_MS = 3_600_000;

export interface LogClockOptions {
  zone: LocalZone;
  /** The first day, see `ImportSettings.dayMs`; undefined until a line of the log says it. */
  dayMs?: number;
  /** Whether nothing but times that go back tells of a new day. */
  rolls?: boolean;
}

export class LogClock {
  #zone: LocalZone;
  #dayMs: number | undefined;
  readonly #rolls: boolean;
  /** Of the line before: local, within its day, and UTC. */
  #timeOfDayMs: number | undefined;
  #utcMs: number | undefined;

  constructor({ zone, dayMs, rolls = false }: LogClockOptions) {
    this.#zone = zone;
    this.#dayMs = dayMs;
    this.#rolls = rolls;
  }

  get zone(): LocalZone {
    return this.#zone;
  }

  setZone(zone: LocalZone): void {
    this.#zone = zone;
  }

  /** The lines that follow are of this day. */
  setDay(dayMs: number): void {
    this.#dayMs = dayMs;
    this.#timeOfDayMs = undefined;
  }

  /** The time (UTC, ms) of a line that tells only hour, minute and second; undefined where no day is known or it is no time. */
  at(hour: string, minute: string, second = '0'): number | undefined {
    const timeOfDayMs = timeOfDay(hour, minute, second);
    if (timeOfDayMs === undefined || this.#dayMs === undefined) return undefined;
    if (this.#rolls && this.#isNextDay(timeOfDayMs)) this.#dayMs += DAY_MS;
    this.#timeOfDayMs = timeOfDayMs;
    return this.#resolve(this.#dayMs + timeOfDayMs);
  }

  /** The time of a line that tells its day too. @param fraction digits after the seconds' point */
  on(dayMs: number, hour: string, minute: string, second: string, fraction = ''): number | undefined {
    const timeOfDayMs = timeOfDay(hour, minute, second);
    if (timeOfDayMs === undefined) return undefined;
    this.#dayMs = dayMs;
    this.#timeOfDayMs = timeOfDayMs;
    return this.#resolve(dayMs + timeOfDayMs + Number(fraction.padEnd(3, '0').slice(0, 3)));
  }

  #resolve(localMs: number): number {
    this.#utcMs = this.#zone.toUtcMs(localMs, this.#utcMs);
    return this.#utcMs;
  }

  #isNextDay(timeOfDayMs: number): boolean {
    if (this.#timeOfDayMs === undefined) return false;
    const backMs = this.#timeOfDayMs - timeOfDayMs;
    // Clocks that were set back show an hour again.
    const isSetBack = backMs <= HOUR_MS + DISORDER_MS && this.#zone.isTwice(this.#dayMs! + timeOfDayMs);
    return backMs > DISORDER_MS && !isSetBack;
  }
}

function timeOfDay(hour: string, minute: string, second: string): number | undefined {
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  // A leap second counts as the one before.
  if (!(hours < 24 && minutes < 60 && seconds <= 60)) return undefined;
  return (hours * 3600 + minutes * 60 + Math.min(seconds, 59)) * 1000;
}

/** The day of `2019-09-15` as ms of its midnight if it were UTC; undefined where there is no such day. */
export function civilDay(year: string, month: string, day: string): number | undefined {
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = new Date(ms);
  const isReal = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
  return isReal && Number(year) >= 1000 ? ms : undefined;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Of `Sep` and the like; undefined where it is no English month. */
export function civilDayOf(year: string, monthName: string, day: string): number | undefined {
  const month = MONTHS.indexOf(monthName.toLowerCase().slice(0, 3));
  return month < 0 ? undefined : civilDay(year, String(month + 1), day);
}

/** The first `2019-09-15` in a text that is a day. */
export function dayIn(text: string): number | undefined {
  const match = /(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)/.exec(text);
  return match ? civilDay(match[1]!, match[2]!, match[3]!) : undefined;
}
