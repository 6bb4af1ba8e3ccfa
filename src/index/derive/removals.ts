/**
 * Which messages moderation took away: `deleted_at` and `deleted_by` are of the earliest action that says so. A deletion
 * takes its message; a timeout or ban its user's messages in that channel of the moderation window before it, a clear
 * everybody's. Lines come in any order: an action looks for its messages when it comes, a message for its actions.
 */
import type { Session } from '../database/database.ts';
import { typeName, typeNumber } from '../event-numbers.ts';
import type { LoadedRow, Removal } from '../loaded-rows.ts';
import { spanColumns, spansOfChannels } from '../time-spans.ts';
import type { Mentions } from './mentions.ts';
import type { ModAction } from './mod-actions.ts';
import { isRemovable, REMOVABLE_TYPES } from './moderation-types.ts';

/** What of an action decides which messages it takes. */
type Taking = Pick<ModAction, 'key' | 'timeMs' | 'channelId' | 'type' | 'targetUserId' | 'targetKey'>;

const REMOVABLE_NUMBERS = REMOVABLE_TYPES.map(typeNumber).join(', ');

/** Marks rows that are about to be inserted: by actions among themselves and by those that came before them. */
export async function removeEarlier(
  session: Session,
  rows: readonly LoadedRow[],
  actions: readonly ModAction[],
  { deletions }: Pick<Mentions, 'deletions'>,
  windowMs: number,
): Promise<void> {
  const known = await actionsAround(session, rows, windowMs);
  const index = new TakingIndex([...actions, ...known], windowMs);
  for (const row of rows) row.removed = earlier(index.removalOf(row), deletions.get(row.line.key));
}

/** Timeouts, bans and clears that are in the index and may take one of these rows. */
async function actionsAround(
  session: Session,
  rows: readonly LoadedRow[],
  windowMs: number,
): Promise<Taking[]> {
  const spans = spansOfChannels(rows.filter(({ line }) => isRemovable(line.type)));
  if (spans.size === 0) return [];
  const { rows: found } = await session.query(
    `SELECT a.ts, a.key, a.channel_id, a.type, a.target_user_id
     FROM unnest($1::int[], $2::text[]::timestamptz[], $3::text[]::timestamptz[]) AS s(channel_id, from_ts, to_ts)
     JOIN mod_actions a ON a.channel_id = s.channel_id AND a.ts >= s.from_ts AND a.ts <= s.to_ts
     WHERE a.type IN (${TAKING_NUMBERS})`,
    spanColumns(spans, windowMs),
  );
  return found.map((row) => ({
    key: row.key as string,
    timeMs: (row.ts as Date).getTime(),
    channelId: row.channel_id as number,
    type: typeName(row.type as number),
    targetUserId: (row.target_user_id as number | null) ?? undefined,
    targetKey: undefined,
  }));
}

const TAKING_NUMBERS = (['ban', 'timeout', 'clear'] as const).map(typeNumber).join(', ');

/** What takes messages of one channel away, the earliest first. */
interface ChannelTakings {
  clears: Taking[];
  byUser: Map<number, Taking[]>;
}

class TakingIndex {
  readonly #windowMs: number;
  readonly #byMessage = new Map<string, Taking>();
  readonly #byChannel = new Map<number, ChannelTakings>();

  constructor(actions: readonly Taking[], windowMs: number) {
    this.#windowMs = windowMs;
    const ordered = [...actions].sort((a, b) => a.timeMs - b.timeMs || (a.key < b.key ? -1 : 1));
    for (const action of ordered) {
      if (action.type === 'delete') {
        const { targetKey } = action;
        if (targetKey !== undefined && !this.#byMessage.has(targetKey))
          this.#byMessage.set(targetKey, action);
      } else if (action.type === 'clear') this.#ofChannel(action.channelId).clears.push(action);
      else if (isUserTaking(action)) {
        const { byUser } = this.#ofChannel(action.channelId);
        const list = byUser.get(action.targetUserId!) ?? [];
        byUser.set(action.targetUserId!, list);
        list.push(action);
      }
    }
  }

  removalOf({ line, channelId, userId }: LoadedRow): Removal | undefined {
    let removal = this.#byMessage.get(line.key);
    const takings = isRemovable(line.type) ? this.#byChannel.get(channelId) : undefined;
    if (takings) {
      removal = earlier(removal, this.#firstAfter(takings.clears, line.timeMs));
      if (userId !== undefined)
        removal = earlier(removal, this.#firstAfter(takings.byUser.get(userId), line.timeMs));
    }
    return removal;
  }

  #ofChannel(channelId: number): ChannelTakings {
    const takings = this.#byChannel.get(channelId) ?? { clears: [], byUser: new Map() };
    this.#byChannel.set(channelId, takings);
    return takings;
  }

  #firstAfter(takings: readonly Taking[] | undefined, timeMs: number): Taking | undefined {
    const first = takings?.find((action) => action.timeMs >= timeMs);
    return first && first.timeMs - timeMs <= this.#windowMs ? first : undefined;
  }
}

function isUserTaking({ type, targetUserId }: Taking): boolean {
  return (type === 'ban' || type === 'timeout') && targetUserId !== undefined;
}

function earlier<R extends Removal>(a: R | undefined, b: R | undefined): R | undefined {
  if (!a || !b) return a ?? b;
  return b.timeMs < a.timeMs || (b.timeMs === a.timeMs && b.key < a.key) ? b : a;
}

/** Marks rows that are in the index already, by actions that have come now. */
export async function removeKnown(
  session: Session,
  actions: readonly ModAction[],
  windowMs: number,
): Promise<void> {
  const EARLIER = 'm.deleted_at IS NULL OR (a.ts, a.key) < (m.deleted_at, m.deleted_by)';
  const WITHIN = `m.ts <= a.ts AND m.ts >= a.ts - make_interval(secs => ${windowMs / 1000}) AND m.type IN (${REMOVABLE_NUMBERS})`;
  const mark = async (taking: readonly ModAction[], matches: string) => {
    if (taking.length === 0) return;
    await session.query(
      `UPDATE messages m SET deleted_at = d.at, deleted_by = d.by FROM (
         SELECT DISTINCT ON (m.key, m.ts) m.key, m.ts, a.ts AS at, a.key AS by
         FROM unnest($1::text[]::timestamptz[], $2::uuid[], $3::int[], $4::int[], $5::uuid[])
           AS a(ts, key, channel_id, user_id, target_key)
         JOIN messages m ON ${matches} WHERE ${EARLIER} ORDER BY m.key, m.ts, a.ts, a.key) d
       WHERE m.key = d.key AND m.ts = d.ts`,
      [
        taking.map(({ timeMs }) => iso(timeMs)),
        taking.map(({ key }) => key),
        taking.map(({ channelId }) => channelId),
        taking.map(({ targetUserId }) => targetUserId ?? null),
        taking.map(({ targetKey }) => targetKey ?? null),
      ],
    );
  };
  const ofType = (type: ModAction['type']) => actions.filter((action) => action.type === type);
  await mark(ofType('delete'), 'm.key = a.target_key');
  await mark(ofType('clear'), `m.channel_id = a.channel_id AND ${WITHIN}`);
  await mark(
    actions.filter(isUserTaking),
    `m.user_id = a.user_id AND m.channel_id = a.channel_id AND ${WITHIN}`,
  );
}

/**
 * Fills in whom deletions were about, which platforms do not always say: the author of the message. `keys` are of
 * messages that were deleted and may have come now, or whose deletion has.
 */
export async function nameDeleted(session: Session, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await session.query(
    `UPDATE mod_actions a SET target_user_id = author.user_id
     FROM unnest($1::uuid[]) AS k(key), LATERAL (
       SELECT m.user_id FROM messages m WHERE m.key = k.key AND m.user_id IS NOT NULL ORDER BY m.ts LIMIT 1) author
     WHERE a.target_key = k.key AND a.target_user_id IS DISTINCT FROM author.user_id`,
    [keys],
  );
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
