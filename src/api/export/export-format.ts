/** Lines of an export, in each of its formats. */
import { CSV_HEAD, csvLine } from '../../archive/formats/csv.ts';
import type { LogLine } from '../../archive-query/read-log.ts';
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

/** What stands before the first line. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? CSV_HEAD : '';
}

export function exportLines(lines: readonly LogLine[], format: ExportFormat): Buffer {
  if (format === 'jsonl') return Buffer.concat(lines.flatMap((line) => [line.bytes(), NEWLINE]));
  const line = format === 'csv' ? csvLine : textLine;
  return Buffer.from(lines.map((each) => line(each.event())).join(''));
}

const NEWLINE = Buffer.from('\n');

/** As log viewers have it; what is no part of a log names its type. */
function textLine(event: ChatEvent): string {
  if (peerType(event) !== undefined) return `${peerTextLine(event)}\n`;
  const message = [`(${eventType(event)})`, event.message].filter(Boolean).join(' ');
  return `${peerTextLine({ ...event, message, type: undefined })}\n`;
}
