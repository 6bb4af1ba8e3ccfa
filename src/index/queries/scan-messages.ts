/**
 * A page of messages along one index. What the index does not know (a badge, a direction) is checked row by row, for a
 * bounded number of rows: where little of what is read is asked for, a page may come back with fewer messages than
 * would fit, or none, and says where to go on. So no question takes longer than any other.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { ANSWERED_COLUMNS, ANSWERED_JOINS, type AnsweredRow } from './answered-row.ts';
import { type BusyQuery, busyStretch } from './busy-stretch.ts';
import { channelsOfUsers } from './channels-of-users.ts';
import { filterConditions, type MessageFilter } from './message-filter.ts';
import { candidates, type MessageSource, type ResolvedSource } from './message-source.ts';
import { newestHourMs } from './newest-hour.ts';
import { all, type Order, orderBy, type Position, startOfMonth, type TimeRange } from './page.ts';

export interface MessageQuery {
  source: MessageSource;
  filter: MessageFilter;
  range: TimeRange;
  order: Order;
  after?: Position | undefined;
  /** Messages to pass over first. */
  offset?: number;
  /** Messages per page. */
  limit: number;
}

export interface MessagePage {
  rows: AnsweredRow[];
  /** Where the next page begins; undefined: there is none. */
  next: Position | undefined;
}

/** Rows that one page looks at, at most about so many. */
const EXAMINED_MAX = 20_000;
const EXAMINED_AT_ONCE_MAX = 5_000;
/** Nothing new is begun after so long. */
const PATIENCE_MS = 250;

export async function scanMessages(session: Session, query: MessageQuery): Promise<MessagePage> {
  const startedMs = performance.now();
  const { offset = 0, limit } = query;
  const rows: AnsweredRow[] = [];
  let { after } = query;
  let [hits, examined] = [0, 0];
  let size = sizeOf(query);
  for await (const range of windows(session, query)) {
    const source = await resolve(session, query.source, range);
    for (;;) {
      const portion = { size, skip: Math.max(offset - hits, 0), take: limit + 1 - rows.length };
      const found = await examine(session, { ...query, source, range, after }, portion);
      rows.push(...found.rows);
      if (rows.length > limit) return { rows: rows.slice(0, limit), next: positionOf(rows[limit - 1]!) };
      hits += found.hits;
      if (!found.end) break;
      after = found.end;
      examined += size;
      size = Math.max(size, Math.min(size * 4, EXAMINED_AT_ONCE_MAX));
      if (examined >= EXAMINED_MAX || performance.now() - startedMs > PATIENCE_MS)
        return { rows, next: after };
    }
  }
  return { rows, next: undefined };
}

/** Rows to look at first: some were removed, or are no messages. */
function sizeOf({ offset = 0, limit }: MessageQuery): number {
  return Math.ceil((offset + limit + 1) * 1.25) + 20;
}

/**
 * The range in parts, the first ones small: a page is mostly found in one month, and a planner that sees one partition has
 * a plan in a fraction of the time.
 */
async function* windows(session: Session, query: MessageQuery): AsyncGenerator<TimeRange> {
  const { source, range, order, after } = query;
  const fromMs = order === 'newest' ? (after?.tsMs ?? range.untilMs) : (after?.tsMs ?? range.sinceMs);
  if (fromMs === undefined && source.by !== 'users') return yield range;
  const edges =
    source.by === 'users'
      ? busyEdges(session, { ...source, order, fromMs, messages: sizeOf(query) })
      : monthEdges(await firstSpoken(session, query, fromMs!), order);
  let rest = range;
  for await (const edge of edges) {
    if (!isInside(edge, rest)) break;
    yield order === 'newest' ? { ...rest, sinceMs: edge } : { ...rest, untilMs: edge };
    rest = order === 'newest' ? { ...rest, untilMs: edge } : { ...rest, sinceMs: edge };
  }
  yield rest;
}

/**
 * So that no stretch has many more messages of the users than are looked for: of each channel they are all read, since the
 * planner expects few of anybody.
 */
async function* busyEdges(session: Session, query: BusyQuery): AsyncGenerator<number> {
  let { fromMs, messages } = query;
  for (;;) {
    const busy = await busyStretch(session, { ...query, fromMs, messages });
    if (!busy) return;
    const { nearMs, farMs } = busy;
    const share = (messages * BUSY_MARGIN) / busy.messages;
    // Who writes thousands of messages a day has a page in an hour of it.
    if (share < 0.5) yield Math.floor(nearMs + (farMs - nearMs) * share);
    yield farMs;
    // Of the days that follow: that of a time does not count.
    fromMs = query.order === 'newest' ? farMs : farMs - 1;
    messages *= BUSY_GROWTH;
  }
}

/** Nobody writes evenly. */
const BUSY_MARGIN = 2;
const BUSY_GROWTH = 4;

/** Going back from a time at which nobody may have spoken for months: when somebody last did. */
async function firstSpoken(
  session: Session,
  { filter, order, after }: MessageQuery,
  fromMs: number,
): Promise<number> {
  if (order === 'oldest' || after) return fromMs;
  return Math.min(fromMs, (await newestHourMs(session, filter.channelIds)) ?? fromMs);
}

/** The edge of this month and of a few more; of the next one where it is near. */
function monthEdges(fromMs: number, order: Order): number[] {
  if (order === 'newest') return [startOfMonth(fromMs - NEAR_MS, 0), startOfMonth(fromMs - NEAR_MS, -3)];
  return [startOfMonth(fromMs + NEAR_MS, 1), startOfMonth(fromMs + NEAR_MS, 4)];
}

const NEAR_MS = 3 * 86_400_000;

function isInside(edge: number, { sinceMs = -Infinity, untilMs = Infinity }: TimeRange): boolean {
  return edge > sinceMs && edge < untilMs;
}

async function resolve(session: Session, source: MessageSource, range: TimeRange): Promise<ResolvedSource> {
  if (source.by !== 'users') return source;
  const { userIds, channelIds } = source;
  if (channelIds === undefined) return { by: 'pairs', ...(await channelsOfUsers(session, userIds, range)) };
  return {
    by: 'pairs',
    userIds: userIds.flatMap((userId) => channelIds.map(() => userId)),
    channelIds: userIds.flatMap(() => channelIds),
  };
}

export function positionOf({ ts, key }: { ts: Date; key: string }): Position {
  return { tsMs: ts.getTime(), key };
}

interface Examined {
  rows: AnsweredRow[];
  /** Of all that was looked at, those that match. */
  hits: number;
  /** Of the last row looked at; undefined where no row is behind it. */
  end: Position | undefined;
}

interface Portion {
  /** Rows to look at. */
  size: number;
  /** Matching rows to pass over. */
  skip: number;
  take: number;
}

async function examine(
  session: Session,
  query: Omit<MessageQuery, 'source'> & { source: ResolvedSource },
  { size, skip, take }: Portion,
): Promise<Examined> {
  const { source, filter, range, order, after } = query;
  const stretch = candidates(source, { range, order, after, rows: size });
  const { rows } = await sql<AnsweredRow & { matches: boolean; place: number; hit: number }>`
    SELECT ${sql.raw(ANSWERED_COLUMNS)}, m.matches, m.place, m.hit
    FROM (
      SELECT m.*, row_number() OVER w AS place, sum(m.matches::int) OVER w AS hit
      FROM (SELECT m.*, (${all(filterConditions(filter))}) IS TRUE AS matches FROM (${stretch}) m) m
      WINDOW w AS (${orderBy(order, 'm')} ROWS UNBOUNDED PRECEDING)
    ) m ${sql.raw(ANSWERED_JOINS)}
    WHERE (m.matches AND m.hit > ${skip} AND m.hit <= ${skip + take}) OR m.place = ${size}
    ORDER BY m.place`.execute(session.sql);
  const last = rows.at(-1);
  return {
    rows: rows.filter(({ matches, hit }) => matches && hit > skip && hit <= skip + take),
    hits: last?.hit ?? 0,
    end: last?.place === size ? positionOf(last) : undefined,
  };
}
