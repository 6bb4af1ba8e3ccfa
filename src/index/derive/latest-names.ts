/** What users and channels are called now, as their latest lines say it. */
import type { Session } from '../database/database.ts';
import { databaseText } from '../database-text.ts';
import type { LoadedRow } from '../loaded-rows.ts';

/**
 * A user goes by the name of their latest message, else (who never wrote) by the greatest of their names. After the days
 * of users were counted. Only where a row's name is another than the user's is there anything to find out.
 */
export async function nameUsers(session: Session, rows: readonly LoadedRow[]): Promise<void> {
  const pairs = new Map<string, readonly [userId: number, nameId: number]>();
  for (const { userId, nameId } of rows) {
    if (userId !== undefined && nameId !== undefined) pairs.set(`${userId} ${nameId}`, [userId, nameId]);
  }
  if (pairs.size === 0) return;
  const { rows: changed } = await session.query(
    `SELECT DISTINCT u.id FROM unnest($1::int[], $2::int[]) AS p(user_id, name_id)
     JOIN users u ON u.id = p.user_id WHERE u.name_id IS DISTINCT FROM p.name_id`,
    [[...pairs.values()].map(([userId]) => userId), [...pairs.values()].map(([, nameId]) => nameId)],
  );
  if (changed.length === 0) return;
  await session.query(
    `UPDATE users u SET name_id = latest.id FROM unnest($1::int[]) AS c(id), LATERAL (
       SELECT n.id FROM user_names n
       LEFT JOIN (SELECT name_id, max(last_ts) AS last_ts FROM user_days WHERE user_id = c.id GROUP BY 1) d ON d.name_id = n.id
       WHERE n.user_id = c.id
       ORDER BY d.last_ts DESC NULLS LAST, n.login COLLATE "C" DESC, n.display_name COLLATE "C" DESC LIMIT 1) latest
     WHERE u.id = c.id AND u.name_id IS DISTINCT FROM latest.id`,
    [changed.map(({ id }) => id as number)],
  );
}

interface PlatformId {
  id: string;
  atMs: number;
}

/** Twitch's `room-id`, of each channel's latest line that says it. */
export async function identifyChannels(session: Session, rows: readonly LoadedRow[]): Promise<void> {
  const latest = new Map<number, PlatformId>();
  for (const { channelId, line } of rows) {
    const tags: unknown = line.event.tags;
    if (typeof tags !== 'object' || tags === null) continue;
    const roomId = (tags as Record<string, unknown>)['room-id'];
    if (typeof roomId !== 'string' || roomId === '' || roomId.length > ID_CHARS_MAX) continue;
    const known = latest.get(channelId);
    if (known && (known.atMs > line.timeMs || (known.atMs === line.timeMs && known.id >= roomId))) continue;
    latest.set(channelId, { id: roomId, atMs: line.timeMs });
  }
  if (latest.size === 0) return;
  await session.query(
    `UPDATE channels c SET platform_id = n.platform_id, platform_id_at = n.at
     FROM unnest($1::int[], $2::text[], $3::text[]::timestamptz[]) AS n(id, platform_id, at)
     WHERE c.id = n.id AND (c.platform_id_at IS NULL OR c.platform_id_at < n.at
       OR (c.platform_id_at = n.at AND c.platform_id COLLATE "C" < n.platform_id))`,
    [
      [...latest.keys()],
      [...latest.values()].map(({ id }) => databaseText(id)),
      [...latest.values()].map(({ atMs }) => new Date(atMs).toISOString()),
    ],
  );
}

const ID_CHARS_MAX = 64;
