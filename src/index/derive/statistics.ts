/** Counts per channel and hour, per channel and day, per user and day. Only rows that are new in the index are counted. */
import type { Session } from '../database/database.ts';
import type { LoadedRow } from '../loaded-rows.ts';
import { dayText, startOfDay } from '../retention/due-ranges.ts';
import { isModeration } from './moderation-types.ts';

const HOUR_MS = 3_600_000;

interface Counts {
  messages: number;
  modActions: number;
  others: number;
  chars: number;
}

interface UserDay {
  channelId: number;
  day: string;
  userId: number;
  nameId: number | undefined;
  messages: number;
  chars: number;
  firstMs: number;
  lastMs: number;
}

/** Counts rows one by one, so that it can be done while the database is busy with them. */
export class RowCounts {
  readonly #hours = new Map<string, Counts>();
  readonly #days = new Map<string, Counts>();
  readonly #userDays = new Map<string, UserDay>();

  add(row: LoadedRow): void {
    const { channelId, line } = row;
    const chars = codePoints(line.event.message);
    const dayMs = startOfDay(line.timeMs);
    count(this.#hours, `${channelId} ${Math.floor(line.timeMs / HOUR_MS) * HOUR_MS}`, row, chars);
    count(this.#days, `${channelId} ${dayMs}`, row, chars);
    if (line.type === 'message') countUser(this.#userDays, row, dayMs, chars);
  }

  async save(session: Session): Promise<void> {
    const userDays = [...this.#userDays.values()];
    await addHours(session, this.#hours);
    // Before the days of users, which say who was there already.
    await addDays(session, this.#days, userDays);
    await addUserDays(session, userDays);
  }
}

function count(into: Map<string, Counts>, name: string, { line }: LoadedRow, chars: number): void {
  let counts = into.get(name);
  if (!counts) {
    counts = { messages: 0, modActions: 0, others: 0, chars: 0 };
    into.set(name, counts);
  }
  if (line.type === 'message') {
    counts.messages++;
    counts.chars += chars;
  } else if (isModeration(line.type)) counts.modActions++;
  else counts.others++;
}

function countUser(into: Map<string, UserDay>, row: LoadedRow, dayMs: number, chars: number): void {
  const { channelId, userId, nameId, line } = row;
  if (userId === undefined || nameId === undefined) return;
  const name = `${channelId} ${dayMs} ${userId} ${nameId}`;
  const known = into.get(name);
  if (known) {
    known.messages++;
    known.chars += chars;
    known.firstMs = Math.min(known.firstMs, line.timeMs);
    known.lastMs = Math.max(known.lastMs, line.timeMs);
  } else {
    const { timeMs } = line;
    into.set(name, {
      channelId,
      day: dayText(dayMs),
      userId,
      nameId,
      messages: 1,
      chars,
      firstMs: timeMs,
      lastMs: timeMs,
    });
  }
}

/** Code points, as PostgreSQL's `length` counts. */
function codePoints(text: string): number {
  let length = text.length;
  for (let index = 1; index < text.length; index++) {
    const isPair =
      (text.charCodeAt(index) & 0xfc00) === 0xdc00 && (text.charCodeAt(index - 1) & 0xfc00) === 0xd800;
    if (isPair) length--;
  }
  return length;
}

async function addHours(session: Session, hours: ReadonlyMap<string, Counts>): Promise<void> {
  const counts = [...hours.values()];
  const names = [...hours.keys()].map((name) => name.split(' ').map(Number) as [number, number]);
  await session.query(
    `INSERT INTO hourly_stats AS s (channel_id, hour, messages, mod_actions, others, chars)
     SELECT * FROM unnest($1::int[], $2::text[]::timestamptz[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
     ON CONFLICT (channel_id, hour) DO UPDATE SET ${ADDED}`,
    [
      names.map(([channelId]) => channelId),
      names.map(([, ms]) => new Date(ms).toISOString()),
      ...columnsOf(counts),
    ],
  );
}

/** Users are counted when their first row of the day comes. */
async function addDays(
  session: Session,
  days: ReadonlyMap<string, Counts>,
  userDays: readonly UserDay[],
): Promise<void> {
  const counts = [...days.values()];
  const names = [...days.keys()].map((name) => name.split(' ').map(Number) as [number, number]);
  await session.query(
    `WITH fresh AS (
       SELECT channel_id, day, count(*) AS users
       FROM (SELECT DISTINCT * FROM unnest($7::int[], $8::text[]::date[], $9::int[]) AS u(channel_id, day, user_id)) u
       WHERE NOT EXISTS (SELECT 1 FROM user_days d WHERE d.channel_id = u.channel_id AND d.day = u.day AND d.user_id = u.user_id)
       GROUP BY 1, 2)
     INSERT INTO daily_stats AS s (channel_id, day, messages, mod_actions, others, chars, users)
     SELECT n.*, coalesce(users, 0)
     FROM unnest($1::int[], $2::text[]::date[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
       AS n(channel_id, day, messages, mod_actions, others, chars) LEFT JOIN fresh USING (channel_id, day)
     ON CONFLICT (channel_id, day) DO UPDATE SET ${ADDED}, users = s.users + excluded.users`,
    [
      names.map(([channelId]) => channelId),
      names.map(([, ms]) => dayText(ms)),
      ...columnsOf(counts),
      userDays.map(({ channelId }) => channelId),
      userDays.map(({ day }) => day),
      userDays.map(({ userId }) => userId),
    ],
  );
}

const ADDED = ['messages', 'mod_actions', 'others', 'chars']
  .map((column) => `${column} = s.${column} + excluded.${column}`)
  .join(', ');

function columnsOf(counts: readonly Counts[]): number[][] {
  return [
    counts.map(({ messages }) => messages),
    counts.map(({ modActions }) => modActions),
    counts.map(({ others }) => others),
    counts.map(({ chars }) => chars),
  ];
}

async function addUserDays(session: Session, userDays: readonly UserDay[]): Promise<void> {
  if (userDays.length === 0) return;
  await session.query(
    `INSERT INTO user_days AS s (channel_id, day, user_id, name_id, messages, chars, first_ts, last_ts)
     SELECT * FROM unnest($1::int[], $2::text[]::date[], $3::int[], $4::int[], $5::int[], $6::bigint[],
       $7::text[]::timestamptz[], $8::text[]::timestamptz[])
     ON CONFLICT (channel_id, day, user_id, name_id) DO UPDATE SET
       messages = s.messages + excluded.messages, chars = s.chars + excluded.chars,
       first_ts = least(s.first_ts, excluded.first_ts), last_ts = greatest(s.last_ts, excluded.last_ts)`,
    [
      userDays.map(({ channelId }) => channelId),
      userDays.map(({ day }) => day),
      userDays.map(({ userId }) => userId),
      userDays.map(({ nameId }) => nameId!),
      userDays.map(({ messages }) => messages),
      userDays.map(({ chars }) => chars),
      userDays.map(({ firstMs }) => new Date(firstMs).toISOString()),
      userDays.map(({ lastMs }) => new Date(lastMs).toISOString()),
    ],
  );
}
