/**
 * A line as a row of a table, and back, byte for byte. What is asked for most has a column of its own; other members are JSON
 * in `extra`. `members` names them all in the line's order. Only where the line cannot be made of these again (it was not
 * written by Chatlog, or damaged) it stands in `line` as well.
 */
import { isUtf8 } from 'node:buffer';
import type { BasicType } from 'hyparquet-writer';
import { formatTimestamp } from '../../../lib/timestamp.ts';

/** By the names of the columns. What is null is not in the line, or in `extra`. */
export interface LineRow {
  /** The line's own time; of a line that has none, that of its place. */
  timestamp: Date;
  /** `message` where the line has none; `raw` for what is no line. */
  type: string;
  /** The line's members in its order, with commas between; null: the line is in `line`, or `extra` has it as `line_base64`. */
  members: string | null;
  /** A JSON object. */
  extra: string | null;
  line: string | null;
  [member: string]: unknown;
}

interface Member {
  type: BasicType;
  /** Undefined where the value is nothing for the column. */
  encode(value: unknown): unknown;
  decode(stored: unknown): unknown;
  /** Whether the column gives the encoded value back as it is; it does where this is left out. */
  isExact?(value: unknown): boolean;
}

const same = (stored: unknown) => stored;
const TEXT: Member = {
  type: 'STRING',
  encode: (value) => (typeof value === 'string' ? value : undefined),
  decode: same,
  // UTF-8 has no halves of surrogate pairs, and readers take a byte order mark for none of the text.
  isExact: (value) => (value as string).isWellFormed() && !(value as string).startsWith('\uFEFF'),
};
const TIME: Member = {
  type: 'TIMESTAMP',
  encode: (value) => {
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return !Number.isNaN(ms) && formatTimestamp(ms) === value ? new Date(ms) : undefined;
  },
  decode: (stored) => formatTimestamp((stored as Date).getTime()),
};
const NUMBER: Member = {
  type: 'DOUBLE',
  encode: (value) => (typeof value === 'number' ? value : undefined),
  decode: same,
};
const SWITCH: Member = {
  type: 'BOOLEAN',
  encode: (value) => (value === true ? true : undefined),
  decode: same,
};
/** Texts without spaces in them, with spaces between. */
const WORDS: Member = {
  type: 'STRING',
  encode: (value) => {
    if (!Array.isArray(value) || value.length === 0) return undefined;
    const isWord = (word: unknown) =>
      typeof word === 'string' && /^[^ \uFEFF]+$/su.test(word) && word.isWellFormed();
    return value.every(isWord) ? value.join(' ') : undefined;
  },
  decode: (stored) => (stored as string).split(' '),
};
const JSON_TEXT: Member = {
  type: 'STRING',
  encode: (value) => JSON.stringify(value),
  decode: (stored) => JSON.parse(stored as string) as unknown,
};

/** Members with columns, in the order of the columns. */
const MEMBERS: Record<string, Member> = {
  timestamp: TIME,
  platform: TEXT,
  channel: TEXT,
  type: TEXT,
  username: TEXT,
  user_id: TEXT,
  display_name: TEXT,
  message: TEXT,
  id: TEXT,
  received_at: TIME,
  reply_to: TEXT,
  badges: WORDS,
  action: SWITCH,
  direction: TEXT,
  moderator: TEXT,
  target: TEXT,
  target_user_id: TEXT,
  target_message_id: TEXT,
  duration_seconds: NUMBER,
  reason: TEXT,
  system_message: TEXT,
  platform_event: TEXT,
  source: TEXT,
  sampling_rate: NUMBER,
  emotes: JSON_TEXT,
  tags: JSON_TEXT,
};

export interface LineColumn {
  name: string;
  type: BasicType;
}

export const LINE_COLUMNS: readonly LineColumn[] = [
  ...Object.entries(MEMBERS).map(([name, { type }]) => ({ name, type })),
  ...['extra', 'members', 'line'].map((name): LineColumn => ({ name, type: 'STRING' })),
];

/**
 * @param line without its `\n`, whatever it is
 * @param timeMs when it happened, for what does not say so itself
 */
export function lineRow(line: Buffer, timeMs: number): LineRow {
  const row: LineRow = { timestamp: new Date(timeMs), type: 'raw', members: null, extra: null, line: null };
  const text = line.toString();
  const event = parseObject(text);
  if (!event) return withWholeLine(row, line, text);
  row.type = 'message';
  const extra: Record<string, unknown> = {};
  for (const member of Object.keys(event)) {
    const column = Object.hasOwn(MEMBERS, member) ? MEMBERS[member] : undefined;
    const stored = column?.encode(event[member]);
    if (stored !== undefined) row[member] = stored;
    if (stored === undefined || column?.isExact?.(event[member]) === false) extra[member] = event[member];
  }
  if (Object.keys(extra).length > 0) row.extra = JSON.stringify(extra);
  const names = Object.keys(event);
  // What is written otherwise than we write it does not come back out of its members.
  if (!names.every(isPlainName) || JSON.stringify(event) !== text) return withWholeLine(row, line, text);
  row.members = names.join(',');
  return row;
}

/** The line, without its `\n`. The row may have more columns than those of a line. */
export function rowLine(row: Partial<LineRow>): Buffer {
  if (typeof row.line === 'string') return Buffer.from(row.line);
  const extra = (row.extra ? JSON.parse(row.extra) : {}) as Record<string, unknown>;
  if (typeof row.members !== 'string') return Buffer.from(String(extra.line_base64 ?? ''), 'base64');
  const event: Record<string, unknown> = {};
  for (const member of row.members === '' ? [] : row.members.split(',')) {
    event[member] = Object.hasOwn(extra, member) ? extra[member] : MEMBERS[member]!.decode(row[member]);
  }
  return Buffer.from(JSON.stringify(event));
}

function withWholeLine(row: LineRow, line: Buffer, text: string): LineRow {
  if (isUtf8(line) && !text.startsWith('\uFEFF')) return { ...row, line: text };
  const extra = (row.extra ? JSON.parse(row.extra) : {}) as Record<string, unknown>;
  return { ...row, extra: JSON.stringify({ ...extra, line_base64: line.toString('base64') }) };
}

/** Of ASCII, without a comma. */
function isPlainName(name: string): boolean {
  return /^[!-+\--~]+$/.test(name) && name !== '__proto__';
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
