import type { Config } from '../../config/schema.ts';
import { ChatlogError } from '../../lib/errors.ts';
import type { Database } from '../database/database.ts';
import { indexedChannels } from './due-days.ts';
import { dayText, latestHeededFloor } from './due-ranges.ts';

/**
 * Throws `retention_waiting` while messages are in the index that are past their retention: what pipelines have not seen
 * of them, no loading brings back.
 */
export async function requireNothingDue(database: Database, config: Config, nowMs: number): Promise<void> {
  const rows = await database.transaction(async (session) => {
    const channels = await indexedChannels(session, config, nowMs);
    const floors = channels.map(({ floorMs }) =>
      floorMs === undefined ? null : new Date(floorMs).toISOString(),
    );
    const found = await session.query(
      `SELECT c.platform, c.name, first.ts
       FROM unnest($1::int[], $2::timestamptz[]) AS due (channel_id, floor_ts)
       JOIN channels c ON c.id = due.channel_id
       LEFT JOIN retention_floors f ON f.channel_id = due.channel_id AND f.floor_ts <= $3
       CROSS JOIN LATERAL (
         SELECT m.ts FROM messages m
         WHERE m.channel_id = due.channel_id AND m.ts < greatest(due.floor_ts, f.floor_ts) ORDER BY m.ts LIMIT 1
       ) AS first
       ORDER BY first.ts LIMIT 1`,
      [channels.map(({ id }) => id), floors, latestHeededFloor(nowMs)],
    );
    return found.rows;
  });
  if (rows.length === 0) return;
  const [{ platform, name, ts }] = rows as [{ platform: string; name: string; ts: Date }];
  throw new ChatlogError(
    'retention_waiting',
    `${dayText(ts.getTime())} of ${platform}/${name} is past its retention and still in the index: emptied, it would not come back, and its pipelines would not see it`,
    {
      hint: 'Run "chatlog maintain" first, or "chatlog index --rebuild --force" where nothing is to be kept of it.',
    },
  );
}
