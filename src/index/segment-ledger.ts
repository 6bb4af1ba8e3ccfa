/** The ledger's rows as the loader moves them, in the transaction that moves the lines. */
import type { Session } from './database/database.ts';
import type { SegmentChunk } from './loader.ts';
import type { ChunkContent } from './read-chunk.ts';

/** How far each of these segments is in the index, by {@link ledgerKey}; what was never seen is not there. */
export async function ledgerBytes(
  session: Session,
  chunks: readonly SegmentChunk[],
): Promise<Map<string, number>> {
  const { rows } = await session.query(
    `SELECT source, name, bytes FROM segments JOIN unnest($1::text[], $2::text[]) AS w(source, name) USING (source, name)`,
    [chunks.map(({ source }) => source), chunks.map(({ name }) => name)],
  );
  return new Map(
    rows.map(({ source, name, bytes }) => [ledgerKey(source as string, name as string), bytes as number]),
  );
}

export function ledgerKey(source: string, name: string): string {
  return `${source}\0${name}`;
}

/** A chunk that was taken, with how many of its lines became rows. */
export interface TakenChunk {
  chunk: SegmentChunk;
  content: ChunkContent;
  inserted: number;
}

/** The chunks of one segment stand in their order. */
export async function moveLedger(session: Session, taken: readonly TakenChunk[]): Promise<void> {
  const rows = [...summed(taken).values()];
  if (rows.length === 0) return;
  const column = <T>(of: (row: LedgerRow) => T | undefined) => rows.map((row) => of(row) ?? null);
  const time = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());
  await session.query(
    `INSERT INTO segments AS s (source, name, platform, channel, start_ts, bytes, lines, inserted, rejected,
       first_ts, last_ts, complete, lines_sha256, object_key, object_bytes, instance, loaded_at)
     SELECT *, now() FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]::timestamptz[], $6::bigint[],
       $7::bigint[], $8::bigint[], $9::bigint[], $10::text[]::timestamptz[], $11::text[]::timestamptz[], $12::boolean[],
       $13::text[], $14::text[], $15::bigint[], $16::text[])
     ON CONFLICT (source, name) DO UPDATE SET
       bytes = excluded.bytes, lines = s.lines + excluded.lines, inserted = s.inserted + excluded.inserted,
       rejected = s.rejected + excluded.rejected, first_ts = least(s.first_ts, excluded.first_ts),
       last_ts = greatest(s.last_ts, excluded.last_ts), complete = excluded.complete,
       lines_sha256 = coalesce(excluded.lines_sha256, s.lines_sha256),
       object_key = coalesce(excluded.object_key, s.object_key),
       object_bytes = coalesce(excluded.object_bytes, s.object_bytes),
       instance = coalesce(excluded.instance, s.instance), loaded_at = excluded.loaded_at`,
    [
      column(({ chunk }) => chunk.source),
      column(({ chunk }) => chunk.name),
      column(({ chunk }) => chunk.platform),
      column(({ chunk }) => chunk.channel),
      column(({ chunk }) => time(chunk.startMs)),
      column(({ chunk }) => chunk.toByte),
      column(({ lines }) => lines),
      column(({ inserted }) => inserted),
      column(({ rejected }) => rejected),
      column(({ firstMs }) => time(firstMs)),
      column(({ lastMs }) => time(lastMs)),
      column(({ chunk }) => chunk.end !== undefined),
      column(({ chunk }) => chunk.end?.linesSha256 ?? chunk.linesSha256),
      column(({ chunk }) => chunk.end?.objectKey),
      column(({ chunk }) => chunk.end?.objectBytes),
      column(({ chunk }) => chunk.end?.instance),
    ],
  );
}

interface LedgerRow {
  /** The last of them. */
  chunk: SegmentChunk;
  lines: number;
  inserted: number;
  rejected: number;
  firstMs: number | undefined;
  lastMs: number | undefined;
}

function summed(taken: readonly TakenChunk[]): Map<string, LedgerRow> {
  const rows = new Map<string, LedgerRow>();
  for (const { chunk, content, inserted } of taken) {
    const key = ledgerKey(chunk.source, chunk.name);
    const row = rows.get(key) ?? {
      chunk,
      lines: 0,
      inserted: 0,
      rejected: 0,
      firstMs: undefined,
      lastMs: undefined,
    };
    const described = chunk.end?.described;
    rows.set(key, {
      chunk,
      lines: row.lines + (described?.lines ?? chunk.lines.length),
      inserted: row.inserted + inserted,
      rejected: row.rejected + content.rejected,
      firstMs: smallest(row.firstMs, described?.firstMs ?? content.firstMs),
      lastMs: largest(row.lastMs, described?.lastMs ?? content.lastMs),
    });
  }
  return rows;
}

function smallest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function largest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
