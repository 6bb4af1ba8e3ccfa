/** How much was written, by whom: whole days as they were counted, what is left at both ends from the rows. */
import type { Session } from '../database/database.ts';
import { plainText } from '../database-text.ts';
import { typeNumber } from '../event-numbers.ts';

const DAY_MS = 86_400_000;

/** Half-open; undefined = everything. */
export type StatsRange = { fromMs: number; toMs: number } | undefined;

export interface ChatterCount {
  userKey: string;
  login: string;
  messages: number;
}

/** Messages of a channel. Index: daily_stats_pkey, messages_by_channel. */
export async function countMessages(
  session: Session,
  channelIds: readonly number[],
  range: StatsRange,
): Promise<number> {
  const parts = split(range);
  const { rows } = await session.query(
    `SELECT coalesce(sum(n), 0)::float8 AS messages FROM (
       SELECT sum(d.messages) AS n FROM daily_stats d
       WHERE d.channel_id = ANY ($1::int[]) AND d.day >= $2::date AND d.day < $3::date
       UNION ALL
       SELECT count(*) FROM messages m
       WHERE m.channel_id = ANY ($1::int[]) AND m.type = $8 AND ${IN_ENDS}
     ) counts`,
    [channelIds, ...parts, typeNumber('message')],
  );
  return Number(rows[0]!.messages);
}

/** Who wrote most, or one user. Index: user_days_pkey (one user: user_days_by_user), messages_by_channel (messages_by_user). */
export async function countByUser(
  session: Session,
  query: { channelIds: readonly number[]; range: StatsRange; userId?: number; rowsMax: number },
): Promise<ChatterCount[]> {
  const { channelIds, range, userId, rowsMax } = query;
  const only = (alias: string) => (userId === undefined ? '' : `AND ${alias}.user_id = $10`);
  const { rows } = await session.query(
    `SELECT u.user_key, coalesce(n.login, '') AS login, counts.messages FROM (
       SELECT user_id, sum(n)::float8 AS messages FROM (
         SELECT d.user_id, sum(d.messages) AS n FROM user_days d
         WHERE d.channel_id = ANY ($1::int[]) AND d.day >= $2::date AND d.day < $3::date ${only('d')}
         GROUP BY d.user_id
         UNION ALL
         SELECT m.user_id, count(*) FROM messages m
         WHERE m.channel_id = ANY ($1::int[]) AND m.type = $8 AND ${IN_ENDS} ${only('m')} AND m.user_id IS NOT NULL
         GROUP BY m.user_id
       ) parts GROUP BY user_id ORDER BY messages DESC, user_id LIMIT $9
     ) counts JOIN users u ON u.id = counts.user_id LEFT JOIN user_names n ON n.id = u.name_id
     WHERE counts.messages > 0 ORDER BY counts.messages DESC, counts.user_id`,
    [channelIds, ...split(range), typeNumber('message'), rowsMax, ...(userId === undefined ? [] : [userId])],
  );
  return rows.map((row) => ({
    userKey: plainText(row.user_key as string),
    login: plainText(row.login as string),
    messages: Number(row.messages),
  }));
}

const IN_ENDS =
  '((m.ts >= $4::timestamptz AND m.ts < $5::timestamptz) OR (m.ts >= $6::timestamptz AND m.ts < $7::timestamptz)) ' +
  'AND m.ts >= $4::timestamptz AND m.ts < $7::timestamptz';

/** Parameters $2 to $7: the whole days, then the parts before and after them. */
function split(range: StatsRange): string[] {
  if (!range) {
    const none = '1970-01-01T00:00:00Z';
    return ['-infinity', 'infinity', none, none, none, none];
  }
  const { fromMs, toMs } = range;
  const firstDay = Math.ceil(fromMs / DAY_MS) * DAY_MS;
  const lastDay = Math.max(firstDay, Math.floor(toMs / DAY_MS) * DAY_MS);
  const headEnd = Math.max(fromMs, Math.min(firstDay, toMs));
  const tailStart = Math.max(headEnd, Math.min(lastDay, toMs));
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const time = (ms: number) => new Date(ms).toISOString();
  return [
    day(firstDay),
    day(lastDay),
    time(fromMs),
    time(headEnd),
    time(tailStart),
    time(Math.max(tailStart, toMs)),
  ];
}
