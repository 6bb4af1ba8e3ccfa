/**
 * A page of messages along one index. What the index does not know (a badge, a direction) is checked row by row, for a
 * bounded number of rows: where little of what is read is asked for, a page may come back with fewer messages than
 * would fit, or none, and says where to go on. So no question takes longer than any other.
 */
import { sql } from 'kysely';
import type { Session } from '../database/database.ts';
import { ANSWERED_COLUMNS, ANSWERED_JOINS, type AnsweredRow } from './answered-row.ts';
import { filterConditions, type MessageFilter } from './message-filter.ts';
import { candidates, type MessageSource } from './message-source.ts';
import { all, type Order, orderBy, type Position, type TimeRange } from './page.ts';

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
/** No new stretch is begun after so long. */
const PATIENCE_MS = 250;

export async function scanMessages(session: Session, query: MessageQuery): Promise<MessagePage> {
  const startedMs = performance.now();
  const wanted = (query.offset ?? 0) + query.limit + 1;
  const rows: AnsweredRow[] = [];
  let { after } = query;
  let size = Math.ceil(wanted * 1.25) + 20;
  for (let examined = 0; ; size = Math.max(size, Math.min(size * 4, EXAMINED_AT_ONCE_MAX))) {
    const found = await examine(session, { ...query, after }, { size, wanted: wanted - rows.length });
    rows.push(...found.rows);
    if (rows.length >= wanted) return pageOf(rows, query, undefined);
    if (!found.end) return pageOf(rows, query, undefined);
    after = found.end;
    examined += size;
    if (examined >= EXAMINED_MAX || performance.now() - startedMs > PATIENCE_MS)
      return pageOf(rows, query, after);
  }
}

function pageOf(rows: AnsweredRow[], query: MessageQuery, end: Position | undefined): MessagePage {
  const { offset = 0, limit } = query;
  const page = rows.slice(offset, offset + limit);
  const isMore = rows.length > offset + limit;
  return { rows: page, next: isMore ? positionOf(page.at(-1)!) : end };
}

export function positionOf({ ts, key }: { ts: Date; key: string }): Position {
  return { tsMs: ts.getTime(), key };
}

interface Examined {
  rows: AnsweredRow[];
  /** Of the last row looked at; undefined where no row is behind it. */
  end: Position | undefined;
}

async function examine(
  session: Session,
  query: MessageQuery,
  { size, wanted }: { size: number; wanted: number },
): Promise<Examined> {
  const { source, filter, range, order, after } = query;
  const stretch = candidates(source, { range, order, after, rows: size });
  const { rows } = await sql<AnsweredRow & { matches: boolean; place: number; hit: number }>`
    SELECT ${sql.raw(ANSWERED_COLUMNS)}, m.matches, m.place
    FROM (
      SELECT m.*, row_number() OVER w AS place, sum(m.matches::int) OVER w AS hit
      FROM (SELECT m.*, (${all(filterConditions(filter))}) IS TRUE AS matches FROM (${stretch}) m) m
      WINDOW w AS (${orderBy(order, 'm')} ROWS UNBOUNDED PRECEDING)
    ) m ${sql.raw(ANSWERED_JOINS)}
    WHERE (m.matches AND m.hit <= ${wanted}) OR m.place = ${size}
    ORDER BY m.place`.execute(session.sql);
  const last = rows.at(-1);
  return {
    rows: rows.filter(({ matches }) => matches).slice(0, wanted),
    end: last?.place === size ? positionOf(last) : undefined,
  };
}
