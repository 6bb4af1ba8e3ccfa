/** Everything that answers a message, and what answers those, oldest first. Index: messages_by_reply. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { type Position, time } from './page.ts';

/** Answers to answers, so many deep. */
const DEPTH_MAX = 50;

/** `sinceMs`: when the message was written, if known; nothing answers it before. */
export async function repliesTo(
  session: Session,
  key: string,
  { sinceMs, limit }: { sinceMs: number; limit: number },
): Promise<Position[]> {
  const { rows } = await sql<{ ts: Date; key: string }>`
    WITH RECURSIVE replies AS (
      SELECT m.ts, m.key, 1 AS depth FROM messages m
      WHERE m.reply_key = ${key}::uuid AND m.ts >= ${time(sinceMs)}
      UNION
      SELECT m.ts, m.key, r.depth + 1 FROM replies r JOIN messages m ON m.reply_key = r.key
      WHERE m.ts >= ${time(sinceMs)} AND r.depth < ${DEPTH_MAX}
    ), found AS (SELECT DISTINCT ts, key FROM replies LIMIT ${limit})
    SELECT ts, key FROM found ORDER BY ts, key`.execute(session.sql);
  return rows.map(({ ts, key: found }) => ({ tsMs: ts.getTime(), key: found }));
}
