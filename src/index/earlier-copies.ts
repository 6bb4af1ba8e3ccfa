/**
 * Of several copies of one event (two recorders of a channel, history that was read beside the live feed) the index has
 * the same one whatever was loaded first: live before backfill, what was received first, else the smaller line.
 */
import type { Session } from './database/database.ts';
import type { LoadedRow } from './loaded-rows.ts';
import { type IndexedLine, storedEvent, storedLine } from './message-row.ts';
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from './stored-row.ts';

export function isEarlierCopy(line: IndexedLine, other: IndexedLine): boolean {
  return rankOf(line.event, lineOf(line)) < rankOf(other.event, lineOf(other));
}

/** Of the copies with the smallest rank the smaller line stays. */
export function copyRank({ source, received_at }: { source?: unknown; received_at?: unknown }): string {
  return `${source ?? ''} ${received_at ?? '~'} `;
}

function rankOf(event: Parameters<typeof copyRank>[0], line: string): string {
  return copyRank(event) + line;
}

function lineOf({ event, template, rest }: IndexedLine): string {
  return template === undefined ? rest! : JSON.stringify(event);
}

/** Puts these copies in the place of later ones that are in the index. Who wrote what is the same in both, or nothing is done. */
export async function preferEarlierCopies(session: Session, copies: readonly LoadedRow[]): Promise<void> {
  if (copies.length === 0) return;
  const { rows } = await session.query(
    `SELECT ${STORED_COLUMNS} FROM unnest($1::uuid[], $2::text[]::timestamptz[]) AS k(key, ts)
     JOIN messages m ON m.key = k.key AND m.ts = k.ts ${STORED_JOINS}`,
    [copies.map(({ line }) => line.key), copies.map(({ line }) => new Date(line.timeMs).toISOString())],
  );
  const stored = new Map(
    (rows as unknown as StoredRow[]).map((row) => [`${row.key} ${row.ts.getTime()}`, row]),
  );
  const better = copies.filter((copy) => {
    const row = stored.get(`${copy.line.key} ${copy.line.timeMs}`);
    return row && isSameButEarlier(copy, row);
  });
  if (better.length === 0) return;
  await session.query(
    `UPDATE messages m SET template_id = n.template_id, rest = n.rest, received_ms = n.received_ms, flags = n.flags
     FROM unnest($1::uuid[], $2::text[]::timestamptz[], $3::int[], $4::text[], $5::int[], $6::int[])
       AS n(key, ts, template_id, rest, received_ms, flags)
     WHERE m.key = n.key AND m.ts = n.ts`,
    [
      better.map(({ line }) => line.key),
      better.map(({ line }) => new Date(line.timeMs).toISOString()),
      better.map(({ templateId }) => templateId ?? null),
      better.map(({ line }) => line.rest ?? null),
      better.map(({ line }) => line.receivedMs ?? null),
      better.map(({ line }) => line.flags),
    ],
  );
}

function isSameButEarlier(copy: LoadedRow, row: StoredRow): boolean {
  const isSame =
    copy.channelId === row.channel_id &&
    (copy.userId ?? null) === row.user_id &&
    (copy.nameId ?? null) === row.name_id &&
    copy.line.text === row.text;
  return isSame && rankOf(copy.line.event, lineOf(copy.line)) < rankOf(storedEvent(row), storedLine(row));
}
