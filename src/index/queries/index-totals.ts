/** How much there is. Sums of the days, which are few; users by the table's own estimate where they are many. */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';

export interface IndexTotals {
  messages: number;
  mod_actions: number;
  others: number;
  channels: number;
  users: number;
  users_is_estimate: boolean;
}

/** Counting so many rows is not felt. */
const COUNTED_MAX = 50_000;

export async function indexTotals(session: Session): Promise<IndexTotals> {
  const { rows } = await sql<IndexTotals>`
    SELECT coalesce(sum(messages), 0)::int8 AS messages, coalesce(sum(mod_actions), 0)::int8 AS mod_actions,
      coalesce(sum(others), 0)::int8 AS others, (SELECT count(*) FROM channels) AS channels,
      (SELECT reltuples::int8 FROM pg_class WHERE oid = 'users'::regclass) AS users
    FROM daily_stats`.execute(session.sql);
  const totals = rows[0]!;
  if (totals.users > COUNTED_MAX) return { ...totals, users_is_estimate: true };
  const counted = await session.query('SELECT count(*) AS users FROM users');
  return { ...totals, users: counted.rows[0]!.users as number, users_is_estimate: false };
}
