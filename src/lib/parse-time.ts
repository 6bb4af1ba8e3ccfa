/** Times as people write them, in requests and on the command line. */

/** At a moment, or so long ago. */
export type WrittenTime = { atMs: number } | { agoMs: number };

const DAY_MS = 86_400_000;
const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: DAY_MS,
  w: 7 * DAY_MS,
};
const DURATION = /^(\d{1,6})([smhdw])$/;
const UNIX = /^\d{1,15}(?:\.\d{1,9})?$/;
const RFC_3339 = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d))?$/;
/** As Unix seconds this is the year 5138, as milliseconds 1973. */
const SECONDS_BELOW = 1e11;
/** What the database holds as a time; years of four digits. */
const TIME_MAX_MS = Date.UTC(9999, 11, 31);

/**
 * `2026-01-31T12:00:00Z`, `2026-01-31` (UTC midnight), Unix seconds or milliseconds, `24h` (ago), `now`; undefined for
 * anything else. A `+` of an offset that was not encoded in a URL arrives as a space.
 */
export function parseTime(text: string): WrittenTime | undefined {
  if (text === 'now') return { agoMs: 0 };
  const agoMs = parseDuration(text);
  if (agoMs !== undefined) return { agoMs };
  const ms = UNIX.test(text) ? unixMs(Number(text)) : parseRfc3339(text.replace(/ (?=\d\d:\d\d$)/, '+'));
  return Number.isNaN(ms) || ms < 0 || ms > TIME_MAX_MS ? undefined : { atMs: ms };
}

/** `90s`, `30m`, `24h`, `7d`, `2w` in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  return match ? Number(match[1]) * UNITS_MS[match[2]!]! : undefined;
}

/** Ms since the epoch. */
export function resolveTime(time: WrittenTime, nowMs: number): number {
  return 'atMs' in time ? time.atMs : Math.max(nowMs - time.agoMs, 0);
}

function unixMs(number: number): number {
  return Math.floor(number < SECONDS_BELOW ? number * 1_000 : number);
}

function parseRfc3339(text: string): number {
  return RFC_3339.test(text) ? Date.parse(text.replace(' ', 'T').toUpperCase()) : Number.NaN;
}
