/** Lines as CSV (RFC 4180): columns that stay what they are, safe to open in a spreadsheet. */
import { originalLine } from '../../connectors/original-line.ts';
import { type ChatEvent, eventType } from '../../event.ts';
import { eachEvent } from './event-at.ts';
import type { PlainFormat } from './format.ts';

const COLUMNS: [name: string, value: (event: ChatEvent) => unknown][] = [
  ['timestamp', (event) => event.timestamp],
  ['platform', (event) => event.platform],
  ['channel', (event) => event.channel],
  ['type', eventType],
  ['username', (event) => event.username],
  ['display_name', (event) => event.display_name],
  ['user_id', (event) => event.user_id],
  ['message', (event) => event.message],
  ['id', (event) => event.id],
  ['reply_to', (event) => event.reply_to],
  ['badges', (event) => event.badges?.join(' ')],
  ['system_message', (event) => event.system_message],
  ['moderator', (event) => event.moderator],
  ['target', (event) => event.target],
  ['target_user_id', (event) => event.target_user_id],
  ['target_message_id', (event) => event.target_message_id],
  ['duration_seconds', (event) => event.duration_seconds],
  ['reason', (event) => event.reason],
  ['received_at', (event) => event.received_at],
  ['raw', (event) => originalLine(event).toString()],
];

/** The line of the columns' names. */
export const CSV_HEAD = `${COLUMNS.map(([name]) => name).join(',')}\r\n`;

/** Throws for an event whose members are of other types than they should be. */
export function csvLine(event: ChatEvent): string {
  return `${COLUMNS.map(([, value]) => csvCell(value(event))).join(',')}\r\n`;
}

/** A text that a spreadsheet would take for a formula gets an apostrophe in front. */
export function csvCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'number' ? String(value) : String(value).replace(/^(?=[=+\-@\t\r])/, "'");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const CSV: PlainFormat = {
  kind: 'plain',
  extension: '.csv',
  header: () => Buffer.from(CSV_HEAD),
  convert: (batch) => Buffer.concat(eachEvent(batch, csvLine)),
  footer: () => Buffer.alloc(0),
};
