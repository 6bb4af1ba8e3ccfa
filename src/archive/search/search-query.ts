import type { EventType } from '../../event.ts';

/** What is looked for in lines: plain data, which may be sent to another thread. */
export interface SearchQuery {
  /** Undefined: every line of the people and types asked for. */
  pattern: SearchPattern | undefined;
  /** The event's text, or the whole line, which is JSON. */
  where: 'message' | 'line';
  /** Any of them; all when empty. */
  types: readonly EventType[];
}

export interface SearchPattern {
  /** A regular expression is one of RE2 (https://github.com/google/re2/wiki/Syntax). */
  kind: 'text' | 'regex';
  source: string;
  /** Upper and lower case alike, by Unicode's simple case folding. */
  ignoreCase: boolean;
}
