/**
 * Keys that imported and archived lines are sorted by, so that what may be the same stands together:
 *
 *     twitch/xqc 0435710 u0123…  x000000         an event with an identity, the n-th of those that share one
 *     twitch/xqc 0435710 l0123…  c000003000000017  one that is counted: of source 3, the 17th record
 *
 * Before the line stand its time and when it was received, so that texts of one key sort as the archive orders lines.
 */
import type { LineIdentity } from './line-identity.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
const ORDER_CHARS = 30;

/**
 * @param path the channel's, as in object keys
 * @param source number of the file, or of the object
 */
export function sortKey(
  path: string,
  timeMs: number,
  { key, occurrence }: LineIdentity,
  source: number,
  record: number,
): string {
  const hour = Math.floor(timeMs / HOUR_MS);
  const rest =
    occurrence === undefined ? `c${padded(source, 8)}${padded(record, 12)}` : `x${padded(occurrence, 8)}`;
  return `${path} ${padded(hour, 8)} ${key} ${rest}`;
}

export interface ParsedKey {
  path: string;
  hourMs: number;
  identity: string;
}

/** Of a key, or of its {@link groupOf | group}. */
export function parseKey(key: string): ParsedKey {
  const [path, hour, identity] = key.split(' ');
  return { path: path!, hourMs: Number(hour) * HOUR_MS, identity: identity! };
}

/** What lines that may be the same have in common. */
export function groupOf(key: string): string {
  return key.slice(0, key.lastIndexOf(' '));
}

/** The number of the event, or the source that it is counted in. */
export function memberOf(key: string): { occurrence: number } | { source: string } {
  const rest = key.slice(key.lastIndexOf(' ') + 1);
  return rest.startsWith('x') ? { occurrence: Number(rest.slice(1)) } : { source: rest.slice(1, 9) };
}

/** @param receivedAt the line's; when left out, it counts as received at its own time */
export function orderedText(timeMs: number, receivedAt: string | undefined, line: string): string {
  const receivedMs = receivedAt === undefined ? timeMs : Date.parse(receivedAt);
  return padded(timeMs, 15) + padded(Number.isFinite(receivedMs) ? receivedMs : timeMs, 15) + line;
}

export function splitOrdered(text: string): { order: string; line: string } {
  return { order: text.slice(0, ORDER_CHARS), line: text.slice(ORDER_CHARS) };
}

/** The line's own time, of what {@link splitOrdered} gives. */
export function timeOf(order: string): number {
  return Number(order.slice(0, 15));
}

function padded(value: number, digits: number): string {
  return String(Math.max(0, value)).padStart(digits, '0');
}
