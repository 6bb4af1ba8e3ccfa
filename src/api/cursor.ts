/**
 * Where a page ends and the next one begins, as clients carry it: opaque, and good for the same question only. What a
 * client makes up leads to another page of what it may read anyway.
 */
import { isUuid } from '../index/message-key.ts';
import type { Position } from '../index/queries/page.ts';
import { invalidParameter } from './api-error.ts';

type Part = string | number | boolean | null;

/** Any few values. */
export function packCursor(parts: readonly Part[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url');
}

/** Throws 400 where it is none of ours. */
export function unpackCursor(cursor: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(parts)) return parts;
  } catch {
    // Said below.
  }
  throw invalidCursor();
}

export function invalidCursor() {
  return invalidParameter(
    'cursor',
    'is none that was given out here',
    'Send nextCursor of the page before as it is, or leave the cursor out to begin anew.',
  );
}

/** What is known of all pages, once the first has found it out. */
export interface Tally {
  /** Entries on the pages before. */
  seen: number;
  total: number;
  isEstimate: boolean;
}

export function encodeCursor({ tsMs, key }: Position, tally?: Tally): string {
  const counted = tally ? [tally.seen, tally.total, tally.isEstimate] : [];
  return packCursor([tsMs, key, ...counted]);
}

export function decodeCursor(cursor: string): Position & { tally: Tally | undefined } {
  const [tsMs, key, seen, total, isEstimate] = unpackCursor(cursor);
  if (!isTime(tsMs) || !isUuid(key)) throw invalidCursor();
  const tally =
    isCount(seen) && isCount(total) ? { seen, total, isEstimate: isEstimate === true } : undefined;
  return { tsMs, key, tally };
}

/** Up to the year 9999. */
export function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Math.abs(value as number) < 253_402_300_800_000;
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
