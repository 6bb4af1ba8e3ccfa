/** A message drawn at random: an hour (or a user's day) by how much was written in it, then one of its messages. */
import type { Session } from '../database/database.ts';
import { typeNumber } from '../event-numbers.ts';
import { STORED_COLUMNS, STORED_JOINS, type StoredRow } from '../stored-row.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

export interface RandomRowQuery {
  channelIds: readonly number[];
  userId?: number;
  /** What is older is no longer in the index. */
  fromMs: number;
  /** Two numbers of [0, 1). */
  draws: readonly [number, number];
}

/** Undefined where there is none. Index: hourly_stats_pkey, messages_by_channel; user_days_by_user, messages_by_user. */
export async function randomRow(session: Session, query: RandomRowQuery): Promise<StoredRow | undefined> {
  const { userId, fromMs, draws } = query;
  const stretch = await randomStretch(session, query);
  if (!stretch) return undefined;
  const { channelId, startMs, widthMs, messages } = stretch;
  const select = async (offset: number) => {
    const { rows } = await session.query(
      `SELECT ${STORED_COLUMNS} FROM (
         SELECT m.* FROM messages m
         WHERE m.channel_id = $1 AND m.type = $2 AND m.ts >= $3::timestamptz AND m.ts < $4::timestamptz
           ${userId === undefined ? '' : 'AND m.user_id = $6'}
         ORDER BY m.ts OFFSET $5 LIMIT 1
       ) m ${STORED_JOINS}`,
      [
        channelId,
        typeNumber('message'),
        new Date(Math.max(startMs, fromMs)).toISOString(),
        new Date(startMs + widthMs).toISOString(),
        offset,
        ...(userId === undefined ? [] : [userId]),
      ],
    );
    return rows[0] as unknown as StoredRow | undefined;
  };
  // Fewer than were counted: some have gone.
  return (await select(Math.floor(draws[1] * messages))) ?? select(0);
}

interface Stretch {
  channelId: number;
  startMs: number;
  widthMs: number;
  messages: number;
}

async function randomStretch(session: Session, query: RandomRowQuery): Promise<Stretch | undefined> {
  const { channelIds, userId, fromMs, draws } = query;
  const from = new Date(fromMs);
  const { rows } = await session.query(
    `WITH stretches AS (
       SELECT channel_id, start, messages, sum(messages) OVER (ORDER BY start, channel_id) AS upto
       FROM (${userId === undefined ? HOURS : DAYS}) counted
     )
     SELECT channel_id, start, messages::float8 AS messages FROM stretches
     WHERE upto > floor($3::float8 * (SELECT max(upto) FROM stretches)) ORDER BY upto LIMIT 1`,
    [
      channelIds,
      userId === undefined ? from : from.toISOString().slice(0, 10),
      draws[0],
      ...(userId === undefined ? [] : [userId]),
    ],
  );
  const [row] = rows as unknown as { channel_id: number; start: Date; messages: number }[];
  return (
    row && {
      channelId: row.channel_id,
      startMs: row.start.getTime(),
      widthMs: userId === undefined ? HOUR_MS : DAY_MS,
      messages: row.messages,
    }
  );
}

const HOURS =
  'SELECT channel_id, hour AS start, messages FROM hourly_stats ' +
  'WHERE channel_id = ANY ($1::int[]) AND hour >= $2::timestamptz AND messages > 0';
const DAYS =
  "SELECT channel_id, day::timestamp AT TIME ZONE 'UTC' AS start, sum(messages) AS messages FROM user_days " +
  'WHERE channel_id = ANY ($1::int[]) AND day >= $2::date AND user_id = $4 AND messages > 0 GROUP BY channel_id, day';
