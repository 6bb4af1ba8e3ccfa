/** Lines of an export, in each of its formats. */
import type { LogLine } from '../../archive-query/read-log.ts';
import { originalLine } from '../../connectors/original-line.ts';
import { type ChatEvent, eventType } from '../../event.ts';
import { peerTextLine, peerType } from '../peers/peer-message.ts';

export const EXPORT_FORMATS = ['jsonl', 'csv', 'text'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export const EXPORT_CONTENT_TYPES: Record<ExportFormat, string> = {
  jsonl: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
  text: 'text/plain; charset=utf-8',
};

export const EXPORT_EXTENSIONS: Record<ExportFormat, string> = { jsonl: 'jsonl', csv: 'csv', text: 'txt' };

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

/** What stands before the first line. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? `${COLUMNS.map(([name]) => name).join(',')}\r\n` : '';
}

export function exportLines(lines: readonly LogLine[], format: ExportFormat): Buffer {
  if (format === 'jsonl') return Buffer.concat(lines.flatMap((line) => [line.bytes(), NEWLINE]));
  const line = format === 'csv' ? csvLine : textLine;
  return Buffer.from(lines.map((each) => line(each.event())).join(''));
}

const NEWLINE = Buffer.from('\n');

function csvLine(event: ChatEvent): string {
  return `${COLUMNS.map(([, value]) => csvCell(value(event))).join(',')}\r\n`;
}

/** RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe in front. */
export function csvCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'number' ? String(value) : String(value).replace(/^(?=[=+\-@\t\r])/, "'");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** As log viewers have it; what is no part of a log names its type. */
function textLine(event: ChatEvent): string {
  if (peerType(event) !== undefined) return `${peerTextLine(event)}\n`;
  const message = [`(${eventType(event)})`, event.message].filter(Boolean).join(' ');
  return `${peerTextLine({ ...event, message, type: undefined })}\n`;
}
