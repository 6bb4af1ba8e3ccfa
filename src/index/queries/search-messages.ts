/**
 * Messages that contain words, newest (or oldest) first. The index of texts knows no order, and a common word is in
 * millions of messages: so time is walked through in windows, as wide as the planner expects enough messages in, then as
 * wide as what was found tells. Within a window the planner is free to take the index of texts, of the channel, or both.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { listPartitions } from '../partitions.ts';
import { ANSWERED_COLUMNS, ANSWERED_JOINS, type AnsweredRow } from './answered-row.ts';
import { estimateRows } from './estimate-rows.ts';
import { containsWords, filterConditions, type MessageFilter } from './message-filter.ts';
import { newestHourMs } from './newest-hour.ts';
import { all, type Condition, type Order, orderBy, type Position, startOfMonth, within } from './page.ts';
import { positionOf } from './scan-messages.ts';

export interface SearchQuery {
  /** As in a web search: words, "a phrase", or, -without. */
  words: string;
  filter: Omit<MessageFilter, 'words'>;
  range: { sinceMs: number; untilMs: number };
  order: Order;
  after?: Position | undefined;
  /** Messages to pass over first. */
  offset?: number;
  limit: number;
}

export interface Found<Row> {
  rows: Row[];
  /** Where to go on; undefined: that was all. */
  next: Position | undefined;
  /** Of all messages that match, by the planner. */
  estimate: number;
}

const HOUR_MS = 3_600_000;
const WINDOW_MIN_MS = 60_000;
/** A window is to hold so many times what is wanted, since the planner may be wrong. */
const MARGIN = 2;
/** The next window is as wide as what was found tells, within these. */
const GROWTH = 4;
const GROWTH_MAX = 64;
/** No new window is begun after so long. */
const PATIENCE_MS = 500;
const FIRST_KEY = '00000000-0000-0000-0000-000000000000';
const LAST_KEY = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

export async function searchMessages(session: Session, query: SearchQuery): Promise<Found<AnsweredRow>> {
  return walk(session, query, async (window, rows) => {
    const page = sql`SELECT * FROM (${window}) m ${orderBy(query.order, 'm')} LIMIT ${rows}`;
    const answer = await sql<AnsweredRow>`
      SELECT ${sql.raw(ANSWERED_COLUMNS)} FROM (${page}) m ${sql.raw(ANSWERED_JOINS)}
      ${orderBy(query.order, 'm')}`.execute(session.sql);
    return answer.rows;
  });
}

export interface RankedPosition {
  ts: Date;
  key: string;
  rank: number;
}

/** The newest `limit` of what matches, best first. */
export async function rankMessages(
  session: Session,
  query: Omit<SearchQuery, 'order' | 'after'>,
): Promise<Found<RankedPosition>> {
  const found = await walk<RankedPosition>(session, { ...query, order: 'newest' }, async (window, rows) => {
    const answer = await sql<RankedPosition>`
      SELECT m.ts, m.key, ts_rank(to_tsvector('simple', m.text), websearch_to_tsquery('simple', ${query.words})) AS rank
      FROM (SELECT * FROM (${window}) m ${orderBy('newest', 'm')} LIMIT ${rows}) m
      ${orderBy('newest', 'm')}`.execute(session.sql);
    return answer.rows;
  });
  // Sorting is stable: of two that are as good the newer one stays first.
  return { ...found, rows: found.rows.toSorted((a, b) => b.rank - a.rank) };
}

type Look<Row> = (window: Condition, rows: number) => Promise<Row[]>;

async function walk<Row extends { ts: Date; key: string }>(
  session: Session,
  query: SearchQuery,
  look: Look<Row>,
): Promise<Found<Row>> {
  const startedMs = performance.now();
  const { order, offset = 0, limit } = query;
  const span = await spanOfData(session, query);
  if (!span) return { rows: [], next: undefined, estimate: 0 };
  const estimate = await estimateRows(session, matching(query, span));
  const wanted = offset + limit + 1;
  const rows: Row[] = [];
  const pageOf = () => ({ rows: rows.slice(offset, offset + limit), estimate });
  let left = span;
  let widthMs = firstWidth(span, estimate, wanted);
  while (left.sinceMs < left.untilMs) {
    const asked = cut(left, widthMs, order);
    const window = left === span ? asked : wholeMonth(asked, left, order);
    rows.push(...(await look(matching(query, window), wanted - rows.length)));
    if (rows.length >= wanted) return { ...pageOf(), next: positionOf(rows[offset + limit - 1]!) };
    left = order === 'newest' ? { ...left, untilMs: window.sinceMs } : { ...left, sinceMs: window.untilMs };
    const walkedMs = span.untilMs - span.sinceMs - (left.untilMs - left.sinceMs);
    const perMessageMs = walkedMs / (rows.length + 1);
    const neededMs = (wanted - rows.length) * MARGIN * perMessageMs;
    widthMs = Math.min(Math.max(neededMs, widthMs * GROWTH), widthMs * GROWTH_MAX);
    if (performance.now() - startedMs > PATIENCE_MS && left.sinceMs < left.untilMs)
      return { ...pageOf(), next: edge(left, order) };
  }
  return { ...pageOf(), next: undefined };
}

interface Span {
  sinceMs: number;
  untilMs: number;
}

/**
 * The part of the range that is behind the position and has messages: windows that begin in silence would have grown far
 * too wide when they come to where somebody speaks.
 */
async function spanOfData(
  session: Session,
  { range, after, order, filter }: SearchQuery,
): Promise<Span | undefined> {
  const [oldest] = await listPartitions(session);
  if (!oldest) return undefined;
  const newestMs = await newestHourMs(session, filter.channelIds);
  const untilMs = Math.min(range.untilMs, newestMs === undefined ? Infinity : newestMs + HOUR_MS);
  const span = { sinceMs: Math.max(range.sinceMs, oldest.fromMs), untilMs };
  if (after && order === 'newest') span.untilMs = Math.min(span.untilMs, after.tsMs + 1);
  if (after && order === 'oldest') span.sinceMs = Math.max(span.sinceMs, after.tsMs);
  return span;
}

/** `OFFSET 0` has the planner think of all rows of the window, not of the first few in order of time. */
function matching({ words, filter, order, after }: SearchQuery, window: Span): Condition {
  const conditions = [
    containsWords(words),
    ...filterConditions(filter),
    ...within(window, after, order, 'm'),
  ];
  return sql`SELECT m.* FROM messages m WHERE ${all(conditions)} OFFSET 0`;
}

function firstWidth({ sinceMs, untilMs }: Span, estimate: number, wanted: number): number {
  const share = (wanted * MARGIN) / Math.max(estimate, 1);
  // What is nearly all is taken at once.
  return share >= 1 / 2 ? untilMs - sinceMs : Math.max((untilMs - sinceMs) * share, WINDOW_MIN_MS);
}

function cut({ sinceMs, untilMs }: Span, widthMs: number, order: Order): Span {
  return order === 'newest'
    ? { sinceMs: Math.max(sinceMs, Math.floor(untilMs - widthMs)), untilMs }
    : { sinceMs, untilMs: Math.min(untilMs, Math.ceil(sinceMs + widthMs)) };
}

/**
 * To the end of its month, where a good part of that is asked for anyway: all that the index of texts has of a month is
 * read for any part of it.
 */
function wholeMonth({ sinceMs, untilMs }: Span, left: Span, order: Order): Span {
  const widestMs = (untilMs - sinceMs) * GROWTH;
  if (order === 'newest') {
    const monthMs = startOfMonth(sinceMs);
    return untilMs - monthMs > widestMs
      ? { sinceMs, untilMs }
      : { sinceMs: Math.max(left.sinceMs, monthMs), untilMs };
  }
  const monthMs = startOfMonth(untilMs - 1, 1);
  return monthMs - sinceMs > widestMs
    ? { sinceMs, untilMs }
    : { sinceMs, untilMs: Math.min(left.untilMs, monthMs) };
}

/** The place right before what is left. */
function edge(left: Span, order: Order): Position {
  return order === 'newest'
    ? { tsMs: left.untilMs, key: FIRST_KEY }
    : { tsMs: left.sinceMs - 1, key: LAST_KEY };
}
