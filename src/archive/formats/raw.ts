/**
 * The lines that the platform sent, byte for byte. What was never a line of the platform is left out: gaps, and events of
 * platforms that have no lines.
 */
import { originalLine } from '../../connectors/original-line.ts';
import { eachEvent } from './event-at.ts';
import type { PlainFormat } from './format.ts';

const NEWLINE = Buffer.from('\n');

export const RAW: PlainFormat = {
  kind: 'plain',
  extension: '.log',
  header: () => Buffer.alloc(0),
  convert: (batch) =>
    Buffer.concat(
      eachEvent(batch, originalLine).flatMap((line) => (line.length === 0 ? [] : [line, NEWLINE])),
    ),
  footer: () => Buffer.alloc(0),
};
