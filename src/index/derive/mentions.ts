/** What is in the index of messages before they come themselves: their deletion, their edits, their delivery states. */
import type { Session } from '../database/database.ts';
import type { LoadedRow, Removal } from '../loaded-rows.ts';

/** By the keys of the messages. */
export interface Mentions {
  /** The earliest of each. */
  deletions: Map<string, Removal>;
  edited: string[];
  /** Those with delivery states. */
  reported: string[];
}

/** `rows` are about to be inserted. */
export async function mentionsOf(session: Session, rows: readonly LoadedRow[]): Promise<Mentions> {
  const { rows: found } = await session.query(MENTIONS, [rows.map(({ line }) => line.key)]);
  const ofKind = (kind: string) => found.filter((row) => row.kind === kind);
  const keysOf = (kind: string) => ofKind(kind).map((row) => row.key as string);
  return {
    deletions: new Map(
      ofKind('deletion').map(({ key, ts, by }) => [
        key as string,
        { timeMs: (ts as Date).getTime(), key: by as string },
      ]),
    ),
    edited: keysOf('edit'),
    reported: keysOf('status'),
  };
}

/** Tables of which there is nothing, as on most platforms, are not looked into for each message. */
const MENTIONS = `
  WITH k AS MATERIALIZED (SELECT unnest($1::uuid[]) AS key)
  SELECT 'deletion' AS kind, d.* FROM (
    SELECT DISTINCT ON (k.key) k.key, a.ts, a.key AS by FROM k JOIN mod_actions a ON a.target_key = k.key
    WHERE EXISTS (SELECT 1 FROM mod_actions WHERE target_key IS NOT NULL)
    ORDER BY k.key, a.ts, a.key) d
  UNION ALL
  SELECT DISTINCT 'edit', k.key, NULL::timestamptz, NULL::uuid FROM k JOIN message_edits e ON e.message_key = k.key
  WHERE EXISTS (SELECT 1 FROM message_edits)
  UNION ALL
  SELECT DISTINCT 'status', k.key, NULL::timestamptz, NULL::uuid FROM k JOIN message_status s ON s.message_key = k.key
  WHERE EXISTS (SELECT 1 FROM message_status)`;
