/** Chatlog's own JSON Lines, from this archive or another one: kept byte for byte. */
import { isUtf8 } from 'node:buffer';
import type { ChatEvent } from '../../../event.ts';
import { chatEventSchema } from '../../../event-schema.ts';
import { escapeControl } from '../../../lib/escape-control.ts';
import { type ImportFormat, type LogLine, NOTHING, type Reading } from '../import-format.ts';
import { lineShare } from './line-share.ts';

export const chatlog: ImportFormat = {
  name: 'chatlog',
  title: "Chatlog's own JSON Lines",
  isLossless: true,
  says: ['channel', 'platform'],
  detect({ lines }) {
    return lineShare(lines, /^\{(?=.*"timestamp":)(?=.*"platform":).*\}$/s) > 0.6
      ? "lines of Chatlog's JSON"
      : undefined;
  },
  open: () => ({ kind: 'lines', read: readLine }),
};

export function readLine({ text, bytes }: LogLine): readonly Reading[] {
  if (text.trim() === '') return NOTHING;
  if (bytes && !isUtf8(bytes)) return [{ reject: 'not UTF-8' }];
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [{ reject: 'no JSON' }];
  }
  const parsed = chatEventSchema.safeParse(value);
  // Members that a later version added are kept as they are.
  const problem = parsed.error?.issues.find(({ code }) => code !== 'unrecognized_keys');
  if (problem) {
    const where = problem.path.length === 0 ? '' : `${problem.path.join('.')}: `;
    return [{ reject: `no line of Chatlog: ${escapeControl(where + problem.message)}` }];
  }
  const event = value as ChatEvent;
  if (Number.isNaN(Date.parse(event.timestamp)))
    return [{ reject: 'no line of Chatlog: there is no such time' }];
  return [{ event, kept: text }];
}
