/** What makes a line of the archive and an imported record the same, in a form that sorts. */
import { createHash } from 'node:crypto';
import { type ChatEvent, eventIdentity } from '../../event.ts';
import { parseImportId } from './import-event.ts';

export interface LineIdentity {
  /** Without spaces. Equal for the same event, and for events that only their number in a source tells apart. */
  key: string;
  /** Which of those it is; undefined where that is its number among equals in its source. */
  occurrence: number | undefined;
}

/**
 * @param line the event as it is written
 * @param isNumbered whether its id was just made, as that of the first of its kind
 */
export function lineIdentity(event: ChatEvent, line: string, isNumbered = false): LineIdentity {
  const identity = eventIdentity(event);
  if (typeof identity !== 'string' || identity === '')
    return { key: `l${digest(line)}`, occurrence: undefined };
  const made = parseImportId(identity);
  if (made) return { key: `n${made.digest}`, occurrence: isNumbered ? undefined : made.occurrence };
  return { key: `u${digest(identity)}`, occurrence: 0 };
}

/** Whether nothing but the line itself tells it apart: equal ones are equal in every byte. */
export function isByLine(key: string): boolean {
  return key.startsWith('l');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
