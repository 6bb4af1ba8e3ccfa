/**
 * RFC 3339 UTC with milliseconds (`2026-11-21T13:00:00.123Z`), the one form in which Chatlog writes a time.
 * Chat comes in bursts of the same second, so the text of the last second is kept.
 */
let cachedSecond = Number.NaN;
let cachedPrefix = '';

/** @param ms milliseconds since the epoch, within ECMAScript's range of dates. */
export function formatTimestamp(ms: number): string {
  const second = Math.floor(ms / 1000);
  if (second !== cachedSecond) {
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 20);
    cachedSecond = second;
  }
  const rest = Math.floor(ms - second * 1000);
  return `${cachedPrefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}

/** The earliest time that is believed: chat of before 1990 is a broken clock. */
const EARLIEST_MS = Date.UTC(1990, 0, 1);

/** How far a platform's clock may be ahead of ours before its time is not believed. */
export const AHEAD_MAX_MS = 5 * 60_000;

/** Whether an event's own time can stand, or it has to count as received now. */
export function isCredible(timeMs: number, nowMs: number): boolean {
  return timeMs >= EARLIEST_MS && timeMs <= nowMs + AHEAD_MAX_MS;
}
