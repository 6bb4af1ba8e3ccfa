/**
 * When users were in channels, made of their rows in `messages` after these were loaded.
 *
 * The events of a user in a channel, in order of time (of one millisecond: joins first, parts last), fall into sessions:
 * a join begins one, a part ends one, and so does a pause longer than `session_idle`. No pause counts between a join
 * and a part that follows it without another of either between: who is silent is still there. Sessions that begin in the
 * same millisecond are one.
 */
import type { EventType } from '../../event.ts';
import type { Database, Session } from '../database/database.ts';
import { typeNumber } from '../event-numbers.ts';
import { takeLoadLock } from '../load-lock.ts';

/** What shows that somebody was there. */
export const SESSION_TYPES: readonly EventType[] = [
  'message',
  'edit',
  'notice',
  'join',
  'part',
  'media',
  'poll',
  'private',
];
const SHOWS_PRESENCE: ReadonlySet<EventType> = new Set(SESSION_TYPES);

export function showsPresence(type: EventType): boolean {
  return SHOWS_PRESENCE.has(type);
}

/** Users of channels that are derived in one transaction; loading waits for it. */
const USERS_PER_TRANSACTION = 500;

/** When a user was in a channel. */
export interface Presence {
  channelId: number;
  userId: number;
  fromMs: number;
  toMs: number;
}

/** Notes whose sessions new rows change. */
export async function noteStaleSessions(session: Session, list: readonly Presence[]): Promise<void> {
  if (list.length === 0) return;
  await session.query(
    `INSERT INTO sessions_stale (channel_id, user_id, from_ts, to_ts)
     SELECT * FROM unnest($1::int[], $2::int[], $3::text[]::timestamptz[], $4::text[]::timestamptz[])`,
    [
      list.map(({ channelId }) => channelId),
      list.map(({ userId }) => userId),
      list.map(({ fromMs }) => new Date(fromMs).toISOString()),
      list.map(({ toMs }) => new Date(toMs).toISOString()),
    ],
  );
}

/** Derives what was noted until nothing is left, in transactions of some hundred users each. */
export async function deriveSessions(
  database: Database,
  idleMs: number,
  signal?: AbortSignal,
): Promise<void> {
  for (let left = true; left; ) {
    signal?.throwIfAborted();
    left = await database.transaction((session) => deriveSome(session, idleMs), { signal });
  }
}

/** Whether there may be more. */
async function deriveSome(session: Session, idleMs: number): Promise<boolean> {
  await takeLoadLock(session);
  const { rows: stale } = await session.query(
    `WITH chosen AS (SELECT channel_id, user_id FROM sessions_stale GROUP BY 1, 2 LIMIT ${USERS_PER_TRANSACTION}),
       taken AS (
         DELETE FROM sessions_stale s USING chosen
         WHERE s.channel_id = chosen.channel_id AND s.user_id = chosen.user_id
         RETURNING s.channel_id, s.user_id, s.from_ts, s.to_ts)
     SELECT channel_id, user_id, min(from_ts) AS from_ts, max(to_ts) AS to_ts FROM taken GROUP BY 1, 2`,
  );
  if (stale.length === 0) return false;
  const { rows: regions } = await session.query(REGIONS, [
    stale.map((row) => row.channel_id as number),
    stale.map((row) => row.user_id as number),
    stale.map((row) => (row.from_ts as Date).toISOString()),
    stale.map((row) => (row.to_ts as Date).toISOString()),
    idleMs / 1000,
  ]);
  const parameters = [
    regions.map((row) => row.channel_id as number),
    regions.map((row) => row.user_id as number),
    regions.map((row) => (row.from_ts as Date).toISOString()),
    regions.map((row) => (row.to_ts as Date).toISOString()),
  ];
  await session.query(
    `DELETE FROM sessions s USING ${REGION_ROWS}
     WHERE s.user_id = r.user_id AND s.channel_id = r.channel_id AND s.joined_at BETWEEN r.from_ts AND r.to_ts`,
    parameters,
  );
  await session.query(SESSIONS, [...parameters, idleMs / 1000]);
  return stale.length === USERS_PER_TRANSACTION;
}

const REGION_ROWS =
  'unnest($1::int[], $2::int[], $3::text[]::timestamptz[], $4::text[]::timestamptz[]) AS r(channel_id, user_id, from_ts, to_ts)';

/**
 * How far new events reach: to the sessions within a pause of them, and to the last presence before and the next one
 * after, since what becomes a pair has no pauses. Whole sessions, so that their limits stand.
 */
const REGIONS = `
  SELECT r.channel_id, r.user_id,
    least(r.from_ts, near.from_ts, (
      SELECT s.joined_at FROM sessions s
      WHERE s.user_id = r.user_id AND s.channel_id = r.channel_id AND s.joined_at <= r.from_ts AND (s.has_join OR s.has_part)
      ORDER BY s.joined_at DESC LIMIT 1)) AS from_ts,
    greatest(r.to_ts, near.to_ts, (
      SELECT s.left_at FROM sessions s
      WHERE s.user_id = r.user_id AND s.channel_id = r.channel_id AND s.joined_at >= r.to_ts AND (s.has_join OR s.has_part)
      ORDER BY s.joined_at LIMIT 1)) AS to_ts
  FROM ${REGION_ROWS}, LATERAL (
    SELECT min(s.joined_at) AS from_ts, max(s.left_at) AS to_ts FROM sessions s
    WHERE s.user_id = r.user_id AND s.channel_id = r.channel_id
      AND s.joined_at <= r.to_ts + make_interval(secs => $5) AND s.left_at >= r.from_ts - make_interval(secs => $5)) near`;

const numbersOf = (types: readonly EventType[]) => types.map(typeNumber).join(', ');
const JOIN = typeNumber('join');
const PART = typeNumber('part');
const MESSAGE = typeNumber('message');

/**
 * `presence` numbers joins and parts; a stretch is what lies between two of them. With its OFFSET the subquery stays one:
 * a look into an index for each user rather than a reading of all messages.
 */
const SESSIONS = `
  WITH events AS (
    SELECT r.channel_id, r.user_id, m.ts, m.type, m.key,
      CASE m.type WHEN ${JOIN} THEN 0 WHEN ${PART} THEN 2 ELSE 1 END AS rank
    FROM ${REGION_ROWS}, LATERAL (
      SELECT ts, type, key FROM messages
      WHERE user_id = r.user_id AND channel_id = r.channel_id AND ts >= r.from_ts AND ts <= r.to_ts
        AND type IN (${numbersOf(SESSION_TYPES)})
      OFFSET 0) m),
  numbered AS (
    SELECT *, count(*) FILTER (WHERE type IN (${JOIN}, ${PART})) OVER w AS presence,
      lag(ts) OVER w AS previous_ts, lag(type) OVER w AS previous_type
    FROM events WINDOW w AS (PARTITION BY user_id, channel_id ORDER BY ts, rank, key ROWS UNBOUNDED PRECEDING)),
  stretches AS (
    SELECT user_id, channel_id, presence,
      type = ${JOIN} AND lead(type) OVER (PARTITION BY user_id, channel_id ORDER BY presence) = ${PART} AS is_pair
    FROM numbered WHERE type IN (${JOIN}, ${PART})),
  begun AS (
    SELECT n.*, n.previous_ts IS NULL OR n.previous_type = ${PART} OR n.type = ${JOIN}
      OR (n.ts > n.previous_ts + make_interval(secs => $5) AND NOT coalesce(s.is_pair, false)) AS begins
    FROM numbered n LEFT JOIN stretches s ON s.user_id = n.user_id AND s.channel_id = n.channel_id
      AND s.presence = n.presence - CASE n.type WHEN ${PART} THEN 1 ELSE 0 END),
  grouped AS (
    SELECT *, count(*) FILTER (WHERE begins)
      OVER (PARTITION BY user_id, channel_id ORDER BY ts, rank, key ROWS UNBOUNDED PRECEDING) AS number FROM begun),
  made AS (
    SELECT channel_id, user_id, min(ts) AS joined_at, max(ts) AS left_at,
      count(*) FILTER (WHERE type = ${MESSAGE}) AS messages, bool_or(type = ${JOIN}) AS has_join, bool_or(type = ${PART}) AS has_part
    FROM grouped GROUP BY user_id, channel_id, number)
  INSERT INTO sessions (channel_id, user_id, joined_at, left_at, messages, has_join, has_part)
  SELECT channel_id, user_id, joined_at, max(left_at), sum(messages), bool_or(has_join), bool_or(has_part)
  FROM made GROUP BY user_id, channel_id, joined_at`;
