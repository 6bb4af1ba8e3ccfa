/**
 * What the ledger (`segments`) says of segments; only the loader writes it. Asked of the main database: a replica may
 * not know yet what was loaded a moment ago.
 */
import type { SegmentName } from '../../segment-name.ts';
import type { Database } from '../database/database.ts';
import { withinDeadline } from '../database/within-deadline.ts';
import type { Standing } from './segment-pieces.ts';

const DEADLINE_MS = 60_000;

/** The source of everything that was read from storage. */
export const ARCHIVE = 'archive';

export interface LedgerEntry extends Standing {
  complete: boolean;
  objectKey: string | undefined;
}

/** The rows of one source with these names, by name; what the ledger has not seen is not there. */
export async function readLedger(
  database: Database,
  source: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, LedgerEntry>> {
  if (names.length === 0) return new Map();
  const select = `SELECT name, bytes, complete, lines_sha256 AS digest, object_key AS "objectKey"
    FROM segments WHERE source = $1 AND name = ANY($2::text[])`;
  const rows = await ask(database, select, [source, names], signal);
  return new Map(
    rows.map(({ name, bytes, complete, digest, objectKey }) => [
      name as string,
      {
        bytes: bytes as number,
        complete: complete as boolean,
        digest: (digest as string | null) ?? undefined,
        objectKey: (objectKey as string | null) ?? undefined,
      },
    ]),
  );
}

/** Which of these contents are in the index completely, wherever they were read from. */
export async function knownContents(
  database: Database,
  linesSha256: readonly string[],
  signal: AbortSignal,
): Promise<Set<string>> {
  if (linesSha256.length === 0) return new Set();
  const select =
    'SELECT DISTINCT lines_sha256 AS digest FROM segments WHERE lines_sha256 = ANY($1::text[]) AND complete';
  const rows = await ask(database, select, [linesSha256], signal);
  return new Set(rows.map(({ digest }) => digest as string));
}

/** The objects that the ledger has of these UTC days of channels, by what {@link channelDayPrefix} says of them. */
export async function objectsOfDays(
  database: Database,
  days: readonly SegmentName[],
  signal: AbortSignal,
): Promise<Map<string, string[]>> {
  const select = `SELECT s.object_key AS key FROM unnest($1::text[], $2::text[], $3::text[]::timestamptz[])
      AS d (platform, channel, day)
    JOIN segments s ON s.platform = d.platform AND s.channel = d.channel
      AND s.start_ts >= d.day AND s.start_ts < d.day + interval '24 hours'
    WHERE s.source = $4 AND s.object_key IS NOT NULL`;
  const rows = await ask(
    database,
    select,
    [
      days.map(({ platform }) => platform),
      days.map(({ channel }) => channel),
      days.map(({ startMs }) => new Date(startMs).toISOString()),
      ARCHIVE,
    ],
    signal,
  );
  const keys = new Set(rows.map(({ key }) => key as string));
  return Map.groupBy(keys, (key) => key.slice(0, key.lastIndexOf('/') + 1));
}

/** The ledger has nothing of these objects any more. */
export async function dropObjects(
  database: Database,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await ask(
    database,
    'DELETE FROM segments WHERE source = $1 AND object_key = ANY($2::text[])',
    [ARCHIVE, keys],
    signal,
  );
}

async function ask(
  database: Database,
  select: string,
  parameters: readonly unknown[],
  signal: AbortSignal,
): Promise<Record<string, unknown>[]> {
  const { rows } = await withinDeadline(DEADLINE_MS, signal, (either) =>
    database.transaction((session) => session.query(select, parameters), { signal: either }),
  );
  return rows;
}
