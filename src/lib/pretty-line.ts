import { styleText } from 'node:util';
import { escapeControl } from './escape-control.ts';

const STYLES = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' } as const;

/**
 * A log line for people: `2026-11-21 15:04:05 INFO  sentence key=value`, in local time and without its line feed.
 * Fields that the sentence names already are left out, as are empty ones; of an error its message, code, hint and causes
 * are shown (JSON has the stack, too). Nothing unseen comes out but our own colours, which end with what they colour.
 */
export function prettyLine(line: object, colours: boolean): string {
  const { time, level, msg, ...fields } = line as Record<string, unknown>;
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const message = String(msg ?? '');
  const label = String(level).toUpperCase().padEnd(5);
  const style = STYLES[level as keyof typeof STYLES] ?? 'green';
  const parts = [paint('dim', localTime(String(time))), paint(style, label)];
  if (message !== '') parts.push(escapeControl(message));
  const rest = Object.entries(fields).flatMap(([key, value]) => shownField(key, value, message));
  if (rest.length > 0) parts.push(paint('dim', escapeControl(rest.join(' '))));
  return parts.join(' ');
}

function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

function shownField(key: string, value: unknown, message: string): string[] {
  const text = fieldText(value);
  if (text === '' || saysAlready(message, text)) return [];
  return [`${key}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`];
}

/** As a word of its own: the 1 in "10 files" is another number. */
function saysAlready(message: string, text: string): boolean {
  return new RegExp(`(?<![\\w.-])${RegExp.escape(text)}(?![\\w-]|\\.\\w)`, 'u').test(message);
}

function fieldText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value)) return value.map(fieldText).join(', ');
  if (typeof value !== 'object') return String(value);
  if ('message' in value && 'type' in value) return causeText(value);
  const filled = Object.entries(value).filter(([, item]) => fieldText(item) !== '');
  return filled.length === 0 ? '' : JSON.stringify(Object.fromEntries(filled));
}

/** `no luck (upload_failed); wait; because: reset (ECONNRESET)` of an error as `serializeError` gives it. */
function causeText(error: { message?: unknown; code?: unknown; hint?: unknown; cause?: unknown }): string {
  const message = String(error.message);
  const code = error.code === undefined || message.includes(String(error.code)) ? '' : ` (${error.code})`;
  const cause = fieldText(error.cause);
  return [message + code, fieldText(error.hint), cause && `because: ${cause}`].filter(Boolean).join('; ');
}
