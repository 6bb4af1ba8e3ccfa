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
  const prefix = second === otherSecond ? otherPrefix : makePrefix(second);
  otherSecond = lastSecond;
  otherPrefix = lastPrefix;
  lastSecond = second;
  lastPrefix = prefix;
  return prefix;
}

let lastDay = Number.NaN;
let lastDate = '';

/** `2026-11-21T13:00:00.`: making the date takes long, and there is one for many lines. */
function makePrefix(second: number): string {
  const day = Math.floor(second / DAY_SECONDS);
  if (day !== lastDay) {
    lastDate = new Date(second * 1000).toISOString().slice(0, -13);
    lastDay = day;
  }
  const ofDay = second - day * DAY_SECONDS;
  const minute = Math.floor(ofDay / 60);
  return `${lastDate}${TWO[Math.floor(minute / 60)]}:${TWO[minute % 60]}:${TWO[ofDay % 60]}.`;
}

const DAY_SECONDS = 86_400;
const TWO = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));

/** The earliest time that is believed: chat of before 1990 is a broken clock. */
const EARLIEST_MS = Date.UTC(1990, 0, 1);

/** How far a platform's clock may be ahead of ours before its time is not believed. */
export const AHEAD_MAX_MS = 5 * 60_000;

/** Whether an event's own time can stand, or it has to count as received now. */
export function isCredible(timeMs: number, nowMs: number): boolean {
  return timeMs >= EARLIEST_MS && timeMs <= nowMs + AHEAD_MAX_MS;
}
