/** Finds out where the ledger stands with local segments that this process has not looked at yet. */

import { isMissing } from '../../lib/system-error.ts';
import type { Spool } from '../../spool.ts';
import type { Database } from '../database/database.ts';
import { readLedger } from './ledger.ts';
import { headOf } from './local-file.ts';
import type { LocalFile } from './local-listing.ts';
import type { SegmentCursor } from './segment-cursor.ts';
import { type Standing, UNREAD } from './segment-pieces.ts';

/** A segment that is followed. */
export interface Tracked {
  /** In the ledger: the file's name without its compression, and its {@link headOf}. */
  readonly ledgerName: string;
  /** Of the file that the cursor was read from (`FileState.identity`). */
  identity: string | undefined;
  standing: Standing;
  /** Where reading goes on; undefined until the file was seen to begin with what the ledger says. */
  cursor: SegmentCursor | undefined;
}

/** A file by its name without its compression. */
export type NamedFile = readonly [base: string, file: LocalFile];

export interface LookupOptions {
  spool: Spool;
  database: Database;
  source: string;
  onUnreadable(base: string, file: LocalFile, error: unknown): void;
}

/** By name; `done` = it is in the index wholly. What is gone, or has no whole line yet, is left out. */
export async function lookUp(
  files: readonly NamedFile[],
  { spool, database, source, onUnreadable }: LookupOptions,
  signal: AbortSignal,
): Promise<Map<string, Tracked | 'done'>> {
  const named: { base: string; file: LocalFile; head: string }[] = [];
  for (const [base, file] of files) {
    try {
      const head = await headOf(spool, file, signal);
      if (head !== undefined) named.push({ base, file, head });
    } catch (error) {
      signal.throwIfAborted();
      if (!isMissing(error)) onUnreadable(base, file, error);
    }
  }
  const names = named.flatMap(({ base, head }) =>
    [base, ...nameBefore(base)].map((name) => `${name}#${head}`),
  );
  const ledger = await readLedger(database, source, names, signal);
  const found = new Map<string, Tracked | 'done'>();
  for (const { base, file, head } of named) {
    const ledgerName = `${base}#${head}`;
    const entry = ledger.get(ledgerName);
    const isSealed = file.directory === 'sealed' || file.directory === 'uploaded';
    const isDone =
      entry?.complete ?? nameBefore(base).some((name) => isRenamed(base, ledger.get(`${name}#${head}`)));
    const standing = entry ?? UNREAD;
    found.set(
      base,
      isSealed && isDone ? 'done' : { ledgerName, identity: undefined, standing, cursor: undefined },
    );
  }
  return found;
}

/** The name before the uploader appended digits of the segment's own digest, because its key was taken. */
function nameBefore(base: string): string[] {
  const match = /^(.*)-[0-9a-f]{8,64}\.jsonl$/.exec(base);
  return match ? [`${match[1]}.jsonl`] : [];
}

function isRenamed(base: string, earlier: (Standing & { complete: boolean }) | undefined): boolean {
  return (
    earlier?.complete === true &&
    earlier.digest !== undefined &&
    base.includes(`-${earlier.digest.slice(0, 8)}`)
  );
}
