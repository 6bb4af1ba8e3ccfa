/**
 * The query of a log request, as justlog's and rustlog's clients write it. A format, and `reverse`, count as asked for
 * wherever they are present, whatever their value (`?raw`, `?raw=1`, `?raw=false`).
 */
import { invalidParam } from './peer-error.ts';

export const LOG_FORMATS = ['raw', 'jsonBasic', 'json', 'ndjson', 'text'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

export interface LogParameters {
  format: LogFormat;
  /** Newest first. */
  reverse: boolean;
  /** Lines at most; undefined = all. */
  limit: number | undefined;
  /** Lines to pass over first. */
  offset: number;
}

/** Half-open, in ms since the epoch. */
export interface TimeRange {
  fromMs: number;
  toMs: number;
}

/** As Fastify parses it: a name given twice has a list of values. */
export type Query = Readonly<Record<string, unknown>>;

/** Throws 400 where a number is none. */
export function parseLogParameters(query: Query, contentType: string | undefined): LogParameters {
  return {
    format: parseFormat(query, contentType),
    reverse: query.reverse !== undefined,
    limit: parseCount(query, 'limit'),
    offset: parseCount(query, 'offset') ?? 0,
  };
}

function parseFormat(query: Query, contentType: string | undefined): LogFormat {
  const type = lastValue(query, 'type');
  const asked: Record<Exclude<LogFormat, 'text'>, boolean> = {
    raw: query.raw !== undefined || type === 'raw',
    jsonBasic: query.jsonBasic !== undefined,
    json: query.json !== undefined || type === 'json' || isJson(contentType),
    ndjson: query.ndjson !== undefined,
  };
  return LOG_FORMATS.find((format) => format !== 'text' && asked[format]) ?? 'text';
}

function isJson(contentType: string | undefined): boolean {
  return /^\s*application\/json\s*(;|$)/i.test(contentType ?? '');
}

function parseCount(query: Query, name: string): number | undefined {
  const text = lastValue(query, name);
  if (text === undefined) return undefined;
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(count)) throw invalidParam(`${name} should be a whole number, zero or more`);
  return count;
}

/**
 * `from` and `to`, each as Unix seconds (justlog: both inclusive) or RFC 3339 (rustlog: `to` is excluded); where one is
 * missing it is now. Undefined where both are. Throws 400 where one cannot be read or the range is too long.
 */
export function parseTimeRange(query: Query, nowMs: number, daysMax: number): TimeRange | undefined {
  const from = lastValue(query, 'from');
  const to = lastValue(query, 'to');
  if (from === undefined && to === undefined) return undefined;
  const fromMs = from === undefined ? nowMs : parseTime('from', from).startMs;
  const toMs = to === undefined ? nowMs : parseTime('to', to).endMs;
  if (toMs - fromMs > daysMax * DAY_MS)
    throw invalidParam(`from and to may be ${daysMax} days apart at most`);
  return { fromMs, toMs };
}

export const DAY_MS = 86_400_000;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)$/;

/** `startMs` where it begins a range, `endMs` (excluded) where it ends one: a Unix second is included whole. */
function parseTime(name: string, text: string): { startMs: number; endMs: number } {
  if (/^\d{1,11}$/.test(text)) {
    const startMs = Number(text) * 1000;
    return { startMs, endMs: startMs + 1000 };
  }
  const match = RFC_3339.exec(text);
  if (match) {
    const [, date, time, fraction = '', zone] = match;
    // In a query "+" means a space to most parsers.
    const ms = Date.parse(`${date}T${time}${fraction}${zone!.toUpperCase().replace(' ', '+')}`);
    if (!Number.isNaN(ms)) return { startMs: ms, endMs: ms };
  }
  throw invalidParam(`${name} should be Unix seconds or an RFC 3339 time such as 2026-01-31T12:00:00Z`);
}

/** `2026`, `1`, `31`, padded or not. Throws 400 where there is no such day. */
export function parseDay(year: string, month: string, day: string): TimeRange {
  const [y, m, d] = [Number(year), Number(month), Number(day)];
  const fromMs = Date.UTC(y, m - 1, d);
  const date = new Date(fromMs);
  // `Date.UTC` takes the 31st of February for the 3rd of March, and the years below 100 for those after 1900.
  const isReal = date.getUTCFullYear() === y && date.getUTCMonth() === m - 1 && date.getUTCDate() === d;
  if (!isReal) throw invalidParam('Invalid date');
  return { fromMs, toMs: fromMs + DAY_MS };
}

/** As {@link parseDay}, of a whole month. */
export function parseMonth(year: string, month: string): TimeRange {
  const { fromMs } = parseDay(year, month, '1');
  return { fromMs, toMs: Date.UTC(Number(year), Number(month), 1) };
}

/** Undefined where the name is not there; the last of several. */
export function lastValue(query: Query, name: string): string | undefined {
  const value = query[name];
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return last === undefined ? undefined : String(last);
}
