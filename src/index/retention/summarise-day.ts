/** One UTC day of a channel in figures: what `channel_summary` keeps and a webhook is told. */
import type { Session } from '../database/database.ts';
import { typeName, typeNumber } from '../event-numbers.ts';
import { DAY_MS } from './due-ranges.ts';

export interface DaySummary {
  /** Lines of every type but gaps. */
  lines: number;
  messages: number;
  /** Different users with at least one message. */
  users: number;
  /** Characters of all messages. */
  chars: number;
  replies: number;
  /** Messages that moderation removed. */
  deleted: number;
  sessions: number;
  /** By type: `ban`, `timeout`, `delete`, ... */
  modActions: Record<string, number>;
  /** Messages in each UTC hour. */
  hours: number[];
  /** Those who wrote most, at most ten. */
  topUsers: { login: string; messages: number }[];
  gaps: number;
  gapSeconds: number;
  firstAt: string | null;
  lastAt: string | null;
}

const TOP_USERS = 10;

export async function summariseDay(session: Session, channelId: number, dayMs: number): Promise<DaySummary> {
  const range = [channelId, new Date(dayMs), new Date(dayMs + DAY_MS)];
  const ofType = [...range, typeNumber('message')];
  const WITHIN = 'channel_id = $1 AND ts >= $2 AND ts < $3';
  const ask = async (sql: string, parameters: readonly unknown[]) =>
    (await session.query(sql, parameters)).rows;
  const [total] = await ask(
    `SELECT count(*) AS lines, count(*) FILTER (WHERE type = $4) AS messages,
       count(DISTINCT user_id) FILTER (WHERE type = $4) AS users,
       coalesce(sum(char_length(text)) FILTER (WHERE type = $4), 0) AS chars,
       count(*) FILTER (WHERE type = $4 AND reply_key IS NOT NULL) AS replies,
       count(*) FILTER (WHERE type = $4 AND deleted_at IS NOT NULL) AS deleted,
       min(ts) AS first_at, max(ts) AS last_at
     FROM messages WHERE ${WITHIN}`,
    ofType,
  );
  const hours = await ask(
    `SELECT extract(hour FROM ts AT TIME ZONE 'UTC')::int AS hour, count(*) AS messages
     FROM messages WHERE ${WITHIN} AND type = $4 GROUP BY 1`,
    ofType,
  );
  const top = await ask(
    `SELECT coalesce(n.login, '') AS login, t.messages FROM (
       SELECT user_id, count(*) AS messages FROM messages
       WHERE ${WITHIN} AND type = $4 AND user_id IS NOT NULL GROUP BY user_id ORDER BY 2 DESC, 1 LIMIT ${TOP_USERS}
     ) t LEFT JOIN users u ON u.id = t.user_id LEFT JOIN user_names n ON n.id = u.name_id ORDER BY t.messages DESC, t.user_id`,
    ofType,
  );
  const actions = await ask(
    `SELECT type, count(*) AS actions FROM mod_actions WHERE ${WITHIN} GROUP BY type ORDER BY type`,
    range,
  );
  const [gaps] = await ask(
    `SELECT count(*) AS gaps, coalesce(sum(extract(epoch FROM until - ts)), 0) AS seconds FROM gaps WHERE ${WITHIN}`,
    range,
  );
  const [sessions] = await ask(
    'SELECT count(*) AS sessions FROM sessions WHERE channel_id = $1 AND joined_at >= $2 AND joined_at < $3',
    range,
  );
  const perHour = new Map(hours.map(({ hour, messages }) => [hour as number, messages as number]));
  const {
    first_at: firstAt,
    last_at: lastAt,
    ...counts
  } = total as Record<string, number> & Record<'first_at' | 'last_at', Date | null>;
  return {
    ...(counts as unknown as Pick<
      DaySummary,
      'lines' | 'messages' | 'users' | 'chars' | 'replies' | 'deleted'
    >),
    sessions: sessions!.sessions as number,
    modActions: Object.fromEntries(
      actions.map((row) => [typeName(row.type as number), row.actions as number]),
    ),
    hours: Array.from({ length: 24 }, (_, hour) => perHour.get(hour) ?? 0),
    topUsers: top as DaySummary['topUsers'],
    gaps: gaps!.gaps as number,
    gapSeconds: Number(gaps!.seconds),
    firstAt: firstAt?.toISOString() ?? null,
    lastAt: lastAt?.toISOString() ?? null,
  };
}
