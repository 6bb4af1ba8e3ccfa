/** Parameters that many routes take, each with its words for the OpenAPI document. */
import { z } from 'zod';
import type { Config } from '../config/schema.ts';
import { EVENT_TYPES, type EventType } from '../event.ts';
import { databaseText } from '../index/database-text.ts';
import { parseTime, resolveTime, type WrittenTime } from '../lib/parse-time.ts';
import { ApiError, invalidParameter } from './api-error.ts';

const NAME_CHARS_MAX = 200;
const LIMIT_MAX = 10_000;
const OFFSET_MAX = 10_000;
const DAY_MS = 86_400_000;

function name(description: string, example: string) {
  return z
    .string()
    .min(1)
    .max(NAME_CHARS_MAX)
    .meta({ description, examples: [example] })
    .transform(databaseText);
}

export const channelParameter = name(
  'Name of a channel, with or without `#`, in upper or lower case. Of every platform that has one of this name, unless `platform` is given.',
  'forsen',
);
export const platformParameter = name('`twitch`, or `irc-` and the name of a network.', 'twitch');
export const userParameter = name(
  'Name of a user, or `id:` and the platform’s id. Where a name had several owners, the latest of each platform.',
  'ann',
);

function timeParameter(description: string, example: string) {
  return z
    .string()
    .meta({
      description: `${description} RFC 3339 (\`2026-01-31T12:00:00Z\`, \`2026-01-31\`), Unix seconds or milliseconds, or so long ago (\`90s\`, \`30m\`, \`24h\`, \`7d\`, \`2w\`).`,
      examples: [example],
    })
    .transform((text, context): WrittenTime => {
      const parsed = parseTime(text);
      if (parsed) return parsed;
      context.addIssue({
        code: 'custom',
        message:
          'should be a time such as 2026-01-31T12:00:00Z, 2026-01-31, Unix seconds or milliseconds, or 24h (ago)',
      });
      return z.NEVER;
    });
}

export const sinceParameter = timeParameter('From this time on.', '24h');
export const untilParameter = timeParameter('Before this time.', '2026-02-01T00:00:00Z');

export interface RangeParameters {
  since?: WrittenTime | undefined;
  until?: WrittenTime | undefined;
}

/** Undefined sides stay open. Throws where both are given and too far apart, or in the wrong order. */
export function openRange(
  { since, until }: RangeParameters,
  { nowMs, http }: { nowMs: number; http: Config['http'] },
): { sinceMs?: number; untilMs?: number } {
  const range = {
    ...(since && { sinceMs: resolveTime(since, nowMs) }),
    ...(until && { untilMs: resolveTime(until, nowMs) }),
  };
  if (range.sinceMs !== undefined && range.untilMs !== undefined)
    demandRange(range.sinceMs, range.untilMs, http.range_max_days);
  return range;
}

/** What is missing: until now, and `defaultMs` before that. */
export function closedRange(
  { since, until }: RangeParameters,
  { nowMs, http, defaultMs }: { nowMs: number; http: Config['http']; defaultMs: number },
): { sinceMs: number; untilMs: number } {
  const maxMs = http.range_max_days * DAY_MS;
  // Half-open: what is said in this millisecond belongs to it.
  const untilMs = until ? resolveTime(until, nowMs) : nowMs + 1;
  const sinceMs = since ? resolveTime(since, nowMs) : Math.max(untilMs - Math.min(defaultMs, maxMs), 0);
  demandRange(sinceMs, untilMs, http.range_max_days);
  return { sinceMs, untilMs };
}

function demandRange(sinceMs: number, untilMs: number, daysMax: number): void {
  if (untilMs < sinceMs) throw invalidParameter('until', 'should not be before since');
  if (untilMs - sinceMs > daysMax * DAY_MS + 1)
    throw new ApiError(400, 'range_too_long', `since and until may be ${daysMax} days apart at most`, {
      hint: 'Ask for several shorter ranges.',
    });
}

export function limitParameter(defaultLimit: number) {
  return z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMIT_MAX)
    .default(defaultLimit)
    .meta({
      description:
        'Entries per page. More than the server allows (`http.page_max`, 1,000) is cut down to that.',
      examples: [defaultLimit],
    });
}

export const offsetParameter = z.coerce
  .number()
  .int()
  .min(0)
  .max(OFFSET_MAX)
  .default(0)
  .meta({
    description: `Entries to pass over, from the cursor on. At most ${OFFSET_MAX}; pages further away are reached by \`cursor\`.`,
    examples: [0],
  });

export const cursorParameter = z.string().min(1).max(1_000).meta({
  description: 'Where the page begins: `nextCursor` of the page before, with the same other parameters.',
});

export const orderParameter = z
  .enum(['newest', 'oldest', 'desc', 'asc'])
  .default('newest')
  .meta({
    description: 'Newest first (`desc` means the same) or oldest first (`asc`).',
    examples: ['newest'],
  })
  .transform((order) => (order === 'newest' || order === 'desc' ? ('newest' as const) : ('oldest' as const)));

export function booleanParameter(description: string) {
  return z
    .enum(['true', 'false', '1', '0', 'yes', 'no', ''])
    .meta({ description, examples: ['true'] })
    .transform((text) => text !== 'false' && text !== '0' && text !== 'no');
}

/** One of these, several with commas between them, or `all`. Undefined means all. */
export function typesParameter(allowed: readonly EventType[], description: string) {
  return z
    .string()
    .max(400)
    .meta({ description, examples: [allowed[0]!] })
    .transform((text, context): EventType[] | 'all' => {
      if (text === 'all') return 'all';
      const names = text.split(',').map((part) => part.trim());
      const wrong = names.find((part) => !allowed.includes(part as EventType));
      if (wrong === undefined) return names as EventType[];
      context.addIssue({
        code: 'custom',
        message: `should be all, or some of ${allowed.join(', ')}, with commas between them`,
      });
      return z.NEVER;
    });
}

export const LINE_TYPES = EVENT_TYPES.filter((type) => type !== 'gap');

export function pageSize(limit: number, http: Config['http']): number {
  return Math.min(limit, http.page_max);
}
