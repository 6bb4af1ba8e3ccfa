/**
 * Since when users wrote so many messages, going back from a time: how far a page has to look. What they wrote on that very
 * day does not count, since only a part of it lies before. Index: user_days_by_user.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { all, type Condition, day, ids } from './page.ts';

const DAY_MS = 86_400_000;
/** Who writes much has it in few days; nobody's years are added up for it. */
const LOOK_BACK_DAYS = [7, 60, undefined];

export interface BusyQuery {
  userIds: readonly number[];
  channelIds?: readonly number[] | undefined;
  fromMs: number;
  messages: number;
}

/** Beginning of a UTC day, ms; undefined where there are fewer messages. */
export async function busySince(session: Session, query: BusyQuery): Promise<number | undefined> {
  for (const days of LOOK_BACK_DAYS) {
    const found = await busyWithin(session, query, days);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function busyWithin(
  session: Session,
  { userIds, channelIds, fromMs, messages }: BusyQuery,
  days: number | undefined,
): Promise<number | undefined> {
  const conditions: Condition[] = [sql`d.user_id = ANY (${ids(userIds)})`, sql`d.day < ${day(fromMs)}`];
  if (days !== undefined) conditions.push(sql`d.day >= ${day(fromMs - days * DAY_MS)}`);
  if (channelIds) conditions.push(sql`d.channel_id = ANY (${ids(channelIds)})`);
  const { rows } = await sql<{ day: string }>`
    SELECT day FROM (
      SELECT d.day, sum(sum(d.messages)) OVER (ORDER BY d.day DESC) AS messages
      FROM user_days d WHERE ${all(conditions)} GROUP BY d.day
    ) d WHERE d.messages >= ${messages} ORDER BY d.day DESC LIMIT 1`.execute(session.sql);
  return rows[0] && Date.parse(rows[0].day);
}
