/** Messages by what identifies them. Index: the primary key. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { ANSWERED_COLUMNS, ANSWERED_JOINS, type AnsweredRow } from './answered-row.ts';
import type { Position } from './page.ts';

const ROWS_MAX = 100;

/** In no order; what is not there is left out. */
export async function messagesByKeys(session: Session, keys: readonly string[]): Promise<AnsweredRow[]> {
  const { rows } = await sql<AnsweredRow>`
    SELECT ${sql.raw(ANSWERED_COLUMNS)}
    FROM (SELECT m.* FROM messages m WHERE m.key = ANY (${[...keys]}::uuid[]) LIMIT ${ROWS_MAX}) m
      ${sql.raw(ANSWERED_JOINS)}`.execute(session.sql);
  return rows;
}

/** In the order of the positions. Their times say in which partitions to look. */
export async function messagesAt(session: Session, positions: readonly Position[]): Promise<AnsweredRow[]> {
  if (positions.length === 0) return [];
  const times = positions.map(({ tsMs }) => new Date(tsMs).toISOString());
  const [first, last] = [times.toSorted()[0]!, times.toSorted().at(-1)!];
  const keys = positions.map(({ key }) => key);
  const { rows } = await sql<AnsweredRow>`
    SELECT ${sql.raw(ANSWERED_COLUMNS)}
    FROM unnest(${times}::timestamptz[], ${keys}::uuid[]) WITH ORDINALITY AS p (ts, key, place)
      CROSS JOIN LATERAL (
        SELECT m.* FROM messages m
        WHERE m.key = p.key AND m.ts = p.ts AND m.ts >= ${first}::timestamptz AND m.ts <= ${last}::timestamptz LIMIT 1) m
      ${sql.raw(ANSWERED_JOINS)}
    ORDER BY p.place`.execute(session.sql);
  return rows;
}
