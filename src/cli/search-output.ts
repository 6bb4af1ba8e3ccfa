/** What `chatlog search` prints of a line. */
import { textParts } from '../archive/formats/text.ts';
import { parsedLine } from '../archive/scan/line-facts.ts';
import type { SearchQuery } from '../archive/search/search-query.ts';
import { textRanges } from '../archive/search/text-test.ts';
import { escapeControl } from '../lib/escape-control.ts';
import type { Terminal } from './terminal.ts';

/** Without line end; whatever the line holds, it does nothing to the terminal. */
export type LinePrinter = (line: Buffer, isHit: boolean) => string;

/** As the text format has it, or as JSON where whole lines are searched; what was found stands out. */
export function linePrinter({ pattern, where }: SearchQuery, terminal: Pick<Terminal, 'style'>): LinePrinter {
  const ranges = pattern ? textRanges(pattern) : () => [];
  const highlighted = (text: string, isHit: boolean) =>
    isHit ? marked(text, ranges(text), terminal) : terminal.style('dim', printable(text));
  return (line, isHit) => {
    const event = where === 'line' ? undefined : parsedLine(line, 0, line.length);
    try {
      if (!event) return highlighted(line.toString(), isHit);
      const { time, channel, lead, message } = textParts(event);
      const head = `${terminal.style('dim', time)} ${terminal.style('cyan', channel)}`;
      const said = message === '' ? '' : ` ${highlighted(event.message || message, isHit)}`;
      return `${head} ${terminal.style(isHit ? 'bold' : 'dim', lead)}${said}`;
    } catch {
      return highlighted(line.toString(), isHit);
    }
  };
}

function marked(
  text: string,
  ranges: readonly [number, number][],
  { style }: Pick<Terminal, 'style'>,
): string {
  let shown = '';
  let at = 0;
  for (const [from, to] of ranges) {
    shown += printable(text.slice(at, from)) + style('bold', style('red', printable(text.slice(from, to))));
    at = to;
  }
  return shown + printable(text.slice(at));
}

function printable(text: string): string {
  return escapeControl(text, { keepJoiners: true });
}
