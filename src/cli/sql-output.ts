/** What `chatlog sql` prints: a table that fits the terminal, or CSV, JSON, JSON Lines as they come. */
import type { PlainValue, ResultColumn } from '../archive/sql/read-result.ts';
import { escapeControl } from '../lib/escape-control.ts';
import { type Cell, cut, type Terminal, table, width } from './terminal.ts';

export type RowFormat = 'csv' | 'json' | 'jsonl';

/** A table is held in memory: more rows are counted, not shown. */
export const TABLE_ROWS_MAX = 1_000;
const CELL_MIN = 8;
const GAP = 2;

/**
 * Cells are cut so that a row takes one line of the terminal, the widest columns first. Where it would not fit, columns that
 * hold nothing are named below the table.
 */
export function resultTable(
  columns: readonly ResultColumn[],
  rows: readonly (readonly PlainValue[])[],
  terminal: Terminal,
  lineWidth: number,
): string {
  const empty = columns.filter((_, column) => rows.every((row) => row[column] === null));
  if (
    rows.length > 0 &&
    empty.length > 0 &&
    empty.length < columns.length &&
    !fits(columns, rows, lineWidth)
  ) {
    const kept = columns.flatMap((each, column) => (empty.includes(each) ? [] : [column]));
    const shown = resultTable(
      kept.map((column) => columns[column]!),
      rows.map((row) => kept.map((column) => row[column]!)),
      terminal,
      lineWidth,
    );
    return `${shown}\n${terminal.style('dim', `NULL in all rows: ${empty.map(({ name }) => escapeControl(name)).join(', ')}`)}`;
  }
  const texts = rows.map((row) => row.map((value) => escapeControl(textOf(value), { keepJoiners: true })));
  const widths = columns.map(({ name }, column) =>
    Math.max(width(name), ...texts.map((row) => width(row[column]!))),
  );
  const limits = fitted(widths, lineWidth - GAP * (columns.length - 1));
  const cells = texts.map((row, index) =>
    row.map(
      (text, column): Cell => ({
        text: cut(text, limits[column]!),
        ...(rows[index]![column] === null && { style: 'dim' }),
        ...(columns[column]!.isNumber && { align: 'right' }),
      }),
    ),
  );
  const headings = columns.map(({ name }, column) => cut(escapeControl(name), limits[column]!));
  return table(terminal, headings, cells);
}

function fits(
  columns: readonly ResultColumn[],
  rows: readonly (readonly PlainValue[])[],
  lineWidth: number,
): boolean {
  const widths = columns.map(({ name }, column) =>
    Math.max(width(name), ...rows.map((row) => width(textOf(row[column]!)))),
  );
  return widths.reduce((sum, each) => sum + each, GAP * (columns.length - 1)) <= lineWidth;
}

/** The widest are made narrower until all fit, or all are as narrow as is sensible. */
function fitted(widths: readonly number[], total: number): number[] {
  let limit = Math.max(...widths, 1);
  const sum = () => widths.reduce((all, each) => all + Math.min(each, limit), 0);
  while (limit > CELL_MIN && sum() > total) limit--;
  const room = Math.max(0, total - sum());
  const limits = widths.map((each) => Math.min(each, limit));
  const widest = limits.findLastIndex((each, column) => each < widths[column]!);
  if (widest >= 0) limits[widest]! += Math.min(room, widths[widest]! - limits[widest]!);
  return limits;
}

function textOf(value: PlainValue): string {
  if (value === null) return 'NULL';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The text of a result, in parts. */
export async function* rowTexts(
  columns: readonly ResultColumn[],
  batches: AsyncIterable<PlainValue[][]>,
  format: RowFormat,
): AsyncGenerator<string> {
  const objectText = (row: PlainValue[]) =>
    JSON.stringify(Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])));
  if (format === 'csv') yield `${columns.map(({ name }) => csvField(name)).join(',')}\n`;
  let separator = format === 'json' ? '[\n' : '';
  for await (const rows of batches) {
    if (rows.length === 0) continue;
    if (format === 'csv') yield rows.map((row) => `${row.map(csvField).join(',')}\n`).join('');
    else if (format === 'jsonl') yield rows.map((row) => `${objectText(row)}\n`).join('');
    else {
      yield separator + rows.map((row) => `  ${objectText(row)}`).join(',\n');
      separator = ',\n';
    }
  }
  if (format === 'json') yield separator === '[\n' ? '[]\n' : '\n]\n';
}

/** RFC 4180, for programs: nothing is put before what a spreadsheet would take for a formula. */
function csvField(value: PlainValue): string {
  if (value === null) return '';
  const text = textOf(value);
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text;
}
