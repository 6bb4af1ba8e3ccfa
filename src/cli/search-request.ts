/** From the command line of `chatlog search` to what is looked for. */
import type { SearchQuery } from '../archive/search/search-query.ts';
import { textTest } from '../archive/search/text-test.ts';
import { nearestWord } from '../config/nearest-word.ts';
import { EVENT_TYPES, type EventType } from '../event.ts';
import { errorText } from '../lib/errors.ts';
import { escapeControl } from '../lib/escape-control.ts';
import type { SelectionOptions } from './archive-options.ts';

export interface SearchOptions extends SelectionOptions {
  regex?: string;
  ignoreCase?: boolean;
  caseSensitive?: boolean;
  type?: string[];
  in: 'message' | 'line';
  context?: string;
  count?: boolean;
  limit?: string;
  reverse?: boolean;
  json?: boolean;
}

export interface SearchRequest {
  query: SearchQuery;
  /** Lines around each hit; 0 = none. */
  context: number;
  limit: number;
}

const CONTEXT_MAX = 1_000;

/** Everything that is wrong at once, or the request. */
export function searchRequest(
  text: string | undefined,
  options: SearchOptions,
): SearchRequest | { problems: string[] } {
  const { regex, user = [], type = [], in: where, reverse, count } = options;
  const problems: string[] = [];
  if (text !== undefined && regex !== undefined)
    problems.push('--regex goes in place of a text, not with it');
  if (text === undefined && regex === undefined && user.length === 0 && type.length === 0)
    problems.push('There is nothing to look for: give a text, or --regex, --user or --type.');
  if (options.ignoreCase && options.caseSensitive)
    problems.push('--ignore-case and --case-sensitive do not go together');
  if (text === '' || regex === '') problems.push('An empty text is in every line: leave it out.');
  if (text?.includes('\n')) problems.push('A text cannot be found across lines.');
  const context = numberOf('--context', options.context, CONTEXT_MAX, problems) ?? 0;
  const limit = numberOf('--limit', options.limit, Number.MAX_SAFE_INTEGER, problems);
  if (limit === 0) problems.push('--limit should be 1 or more');
  if (context > 0 && reverse) problems.push('--context does not go with --reverse');
  if (count && (context > 0 || limit !== undefined || reverse))
    problems.push('--count counts all: it does not go with --context, --limit and --reverse');
  const types = type.filter((name) => isType(name, problems));
  const source = text ?? regex;
  const kind = text === undefined ? 'regex' : 'text';
  const pattern =
    source === undefined
      ? undefined
      : ({ kind, source, ignoreCase: isCaseIgnored(source, kind, options) } as const);
  if (pattern) {
    try {
      // Without regard to case: the engine would show what it makes of that.
      textTest({ ...pattern, ignoreCase: false });
    } catch (error) {
      problems.push(`--regex: ${escapeControl(errorText(error).replace('error parsing regexp: ', ''))}`);
    }
  }
  if (problems.length > 0) return { problems };
  const query = { pattern, where, types: types as EventType[] };
  return { query, context, limit: limit ?? Number.POSITIVE_INFINITY };
}

/** Where nothing else is said, case matters where there is an upper-case letter in what is looked for. */
function isCaseIgnored(source: string, kind: 'text' | 'regex', options: SearchOptions): boolean {
  if (options.ignoreCase) return true;
  if (options.caseSensitive) return false;
  // `\S`, `\pL`, `(?P<Name>` are no letters.
  const letters =
    kind === 'text' ? source : source.replace(/\\[pP](?:\{[^}]*\}|.)|\\Q.*?\\E|\\.|\(\?P?<\w+>/gsu, '');
  return !/\p{Lu}/u.test(letters);
}

function isType(name: string, problems: string[]): boolean {
  if ((EVENT_TYPES as readonly string[]).includes(name)) return true;
  const near = nearestWord(name, EVENT_TYPES);
  const meant = near === undefined ? `one of ${EVENT_TYPES.join(', ')}` : `a type; did you mean ${near}?`;
  problems.push(`--type should be ${meant} (found "${escapeControl(name)}")`);
  return false;
}

function numberOf(
  option: string,
  text: string | undefined,
  max: number,
  problems: string[],
): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text) && Number(text) <= max) return Number(text);
  const upTo = max < Number.MAX_SAFE_INTEGER ? `from 0 to ${max}` : 'of lines';
  problems.push(`${option} should be a number ${upTo}, found "${escapeControl(text)}"`);
  return undefined;
}
