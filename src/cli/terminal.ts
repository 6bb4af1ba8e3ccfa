/** What commands print: styled only where the stream is a terminal that wants it, tables that fit. */
import { styleText } from 'node:util';
import { escapeControl } from '../lib/escape-control.ts';

/** Where a command prints; replaced in tests. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Styles for standard output; plain where it is no terminal, or `NO_COLOR` is set. */
  style(style: Style, text: string): string;
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export function processTerminal(): Terminal {
  // A reader that went away (`| head`) is no error.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    style: (style, text) => styleText(style, text, { stream: process.stdout }),
  };
}

export interface Cell {
  text: string;
  style?: Style;
  align?: 'right';
}

const GAP = '  ';

/** Rows in aligned columns below a dim heading; the last column may be of any length. */
export function table(
  terminal: Terminal,
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  const all: Cell[][] = [
    headings.map((text, column) => ({ text, style: 'dim', align: rows[0]?.[column]?.align })),
    ...rows.map((row) => row.map((cell) => ({ ...cell, text: escapeControl(cell.text) }))),
  ];
  const widths = headings.map((_, column) => Math.max(...all.map((row) => width(row[column]?.text ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, column) => {
          const padding = ' '.repeat(Math.max(0, widths[column]! - width(cell.text)));
          const text = cell.style ? terminal.style(cell.style, cell.text) : cell.text;
          if (cell.align === 'right') return padding + text;
          return column === row.length - 1 ? text : text + padding;
        })
        .join(GAP)
        .trimEnd(),
    )
    .join('\n');
}

/** The text, ending in `…` where it takes more columns than there are. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let taken = 0;
  let shown = '';
  for (const { segment } of new Intl.Segmenter('en').segment(text)) {
    taken += width(segment);
    if (taken > columns - 1) break;
    shown += segment;
  }
  return `${shown}…`;
}

/** Columns that a text takes on a terminal, near enough: wide East Asian letters and emoji take two. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return columns;
}
