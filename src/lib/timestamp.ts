/**
 * RFC 3339 UTC with milliseconds (`2026-11-21T13:00:00.123Z`), the one form in which Chatlog writes a time.
 * Every line has two times, sent and received, often a second or more apart: the texts of the last two different
 * seconds are kept.
 */
let lastSecond = Number.NaN;
let lastPrefix = '';
let otherSecond = Number.NaN;
let otherPrefix = '';

/** @param ms milliseconds since the epoch, within ECMAScript's range of dates. */
export function formatTimestamp(ms: number): string {
  const second = Math.floor(ms / 1000);
  const prefix = second === lastSecond ? lastPrefix : swapPrefix(second);
  const rest = Math.floor(ms - second * 1000);
  return `${prefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`;
}

/** The second that was not the last one: it becomes the last one, and is made where it is not the other one either. */
function swapPrefix(second: number): string {
  const prefix = second === otherSecond ? otherPrefix : new Date(second * 1000).toISOString().slice(0, 20);
  otherSecond = lastSecond;
  otherPrefix = lastPrefix;
  lastSecond = second;
  lastPrefix = prefix;
  return prefix;
}

/** The earliest time that is believed: chat of before 1990 is a broken clock. */
const EARLIEST_MS = Date.UTC(1990, 0, 1);

/** How far a platform's clock may be ahead of ours before its time is not believed. */
export const AHEAD_MAX_MS = 5 * 60_000;

/** Whether an event's own time can stand, or it has to count as received now. */
export function isCredible(timeMs: number, nowMs: number): boolean {
  return timeMs >= EARLIEST_MS && timeMs <= nowMs + AHEAD_MAX_MS;
}
