/**
 * Sessions of users who go on where the index ends, as nearly all do whose lines come in their order: what the batch says
 * is added to them at once. All else, and whoever joins or parts, is noted, and derived from rows (`sessions.ts`).
 */
import { formatTimestamp } from '../../lib/timestamp.ts';
import type { Session } from '../database/database.ts';
import type { LoadedRow } from '../loaded-rows.ts';
import { noteStaleSessions, showsPresence } from './sessions.ts';

/** What a user said in a channel without a pause that ends a session. */
interface Run {
  fromMs: number;
  toMs: number;
  messages: number;
}

interface UserRuns {
  channelId: number;
  userId: number;
  runs: Run[];
  joinsOrParts: boolean;
}

/** Collects what rows say of sessions, one by one in order of time, so that it can be done while the database is busy. */
export class SessionRuns {
  readonly #users = new Map<string, UserRuns>();
  readonly #idleMs: number;

  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  add({ channelId, userId, line: { type, timeMs } }: LoadedRow): void {
    if (userId === undefined || !showsPresence(type)) return;
    const name = `${channelId} ${userId}`;
    let user = this.#users.get(name);
    if (!user) {
      user = { channelId, userId, runs: [], joinsOrParts: false };
      this.#users.set(name, user);
    }
    user.joinsOrParts ||= type === 'join' || type === 'part';
    let run = user.runs.at(-1);
    if (!run || timeMs > run.toMs + this.#idleMs) {
      run = { fromMs: timeMs, toMs: timeMs, messages: 0 };
      user.runs.push(run);
    }
    run.toMs = timeMs;
    if (type === 'message') run.messages++;
  }

  /** After the rows were inserted. */
  async save(session: Session): Promise<void> {
    await addRuns(session, this.#users, this.#idleMs);
  }
}

async function addRuns(
  session: Session,
  users: ReadonlyMap<string, UserRuns>,
  idleMs: number,
): Promise<void> {
  const latest = await latestSessions(session, [...users.values()]);
  const stale: UserRuns[] = [];
  const added: (Run & { channelId: number; userId: number })[] = [];
  for (const [name, user] of users) {
    const runs = latest.has(name) ? appended(user.runs, latest.get(name), idleMs) : undefined;
    if (!runs) stale.push(user);
    else for (const run of runs) added.push({ ...run, channelId: user.channelId, userId: user.userId });
  }
  await noteStaleSessions(
    session,
    stale.map(({ channelId, userId, runs }) => ({
      channelId,
      userId,
      fromMs: runs[0]!.fromMs,
      toMs: runs.at(-1)!.toMs,
    })),
  );
  if (added.length === 0) return;
  await session.query(
    `INSERT INTO sessions AS s (channel_id, user_id, joined_at, left_at, messages, has_join, has_part)
     SELECT *, false, false FROM unnest($1::int[], $2::int[], $3::text[]::timestamptz[], $4::text[]::timestamptz[], $5::int[])
     ON CONFLICT (user_id, channel_id, joined_at) DO UPDATE SET
       left_at = excluded.left_at, messages = s.messages + excluded.messages`,
    [
      added.map(({ channelId }) => channelId),
      added.map(({ userId }) => userId),
      added.map(({ fromMs }) => formatTimestamp(fromMs)),
      added.map(({ toMs }) => formatTimestamp(toMs)),
      added.map(({ messages }) => messages),
    ],
  );
}

interface LatestSession {
  fromMs: number;
  toMs: number;
  joinedOrParted: boolean;
}

/** By channel and user; undefined for those without any. Who has to be derived from rows is missing. */
async function latestSessions(
  session: Session,
  users: readonly UserRuns[],
): Promise<Map<string, LatestSession | undefined>> {
  const asked = users.filter(({ joinsOrParts }) => !joinsOrParts);
  if (asked.length === 0) return new Map();
  const { rows } = await session.query(
    `SELECT u.channel_id, u.user_id, s.joined_at, s.left_at, s.has_join OR s.has_part AS has_presence
     FROM unnest($1::int[], $2::int[]) AS u(channel_id, user_id)
     LEFT JOIN LATERAL (
       SELECT * FROM sessions s WHERE s.user_id = u.user_id AND s.channel_id = u.channel_id
       ORDER BY s.joined_at DESC LIMIT 1) s ON true
     WHERE NOT EXISTS (SELECT 1 FROM sessions_stale q WHERE q.channel_id = u.channel_id AND q.user_id = u.user_id)`,
    [asked.map(({ channelId }) => channelId), asked.map(({ userId }) => userId)],
  );
  return new Map(
    rows.map(({ channel_id, user_id, joined_at, left_at, has_presence }) => [
      `${channel_id} ${user_id}`,
      joined_at === null
        ? undefined
        : {
            fromMs: (joined_at as Date).getTime(),
            toMs: (left_at as Date).getTime(),
            joinedOrParted: has_presence as boolean,
          },
    ]),
  );
}

/** The runs as rows that are added, the first to the latest session where that goes on; undefined where they do not simply follow it. */
function appended(
  runs: readonly Run[],
  latest: LatestSession | undefined,
  idleMs: number,
): readonly Run[] | undefined {
  const [first, ...others] = runs;
  if (!latest || first!.fromMs > latest.toMs + idleMs) return runs;
  if (first!.fromMs <= latest.toMs || latest.joinedOrParted) return undefined;
  return [{ ...first!, fromMs: latest.fromMs }, ...others];
}
