/** What columns hold of a line beyond its own members. Lines may be anything: nothing here trusts a member's type. */
import type { ChatEvent } from '../event.ts';
import { FLAG } from './database/tables.ts';
import { databaseText } from './database-text.ts';

const COMMAND_CHARS_MAX = 64;
const STATUS_CHARS_MAX = 200;

export function flagsOf(event: ChatEvent): number {
  let flags = 0;
  if (event.direction === 'outgoing') flags |= FLAG.outgoing;
  if (event.type === 'private') flags |= FLAG.private;
  if (event.action === true) flags |= FLAG.action;
  if (event.source === 'backfill') flags |= FLAG.backfill;
  if (event.source === 'import') flags |= FLAG.import;
  if (isByModerator(event)) flags |= FLAG.moderator;
  if (event.sampling_rate !== undefined) flags |= FLAG.sampled;
  return flags;
}

const MODERATOR_BADGE = /^(?:moderator|broadcaster|lead_moderator|staff|admin|global_mod)\//;

function isByModerator({ badges, tags }: ChatEvent): boolean {
  if (typeof tags === 'object' && tags?.mod === '1') return true;
  return Array.isArray(badges) && badges.some((badge) => MODERATOR_BADGE.test(String(badge)));
}

/** What the event says of a command, else a text that begins with `!word` or `/word`. The name without that prefix. */
export function commandOf({
  command,
  message,
}: ChatEvent): { name: string; status: string | undefined; error: string | undefined } | undefined {
  if (typeof command === 'object' && command !== null && typeof command.name === 'string') {
    const name = databaseText(command.name.replace(/^[!/]/, '').toLowerCase().slice(0, COMMAND_CHARS_MAX));
    return { name, status: shortText(command.status), error: shortText(command.error) };
  }
  const first = message.charCodeAt(0);
  if (first !== 0x21 && first !== 0x2f) return undefined;
  const word = /^[!/]([\p{L}\p{N}_][^\s]*)/u.exec(message)?.[1];
  if (word === undefined) return undefined;
  return {
    name: databaseText(word.toLowerCase().slice(0, COMMAND_CHARS_MAX)),
    status: undefined,
    error: undefined,
  };
}

function shortText(value: unknown): string | undefined {
  return typeof value === 'string' ? databaseText(value.slice(0, STATUS_CHARS_MAX)) : undefined;
}

/** As JSON that `jsonb` takes; undefined where there is none. */
export function mediaOf({ media }: ChatEvent): string | undefined {
  return Array.isArray(media) && media.length > 0 ? databaseJson(JSON.stringify(media)) : undefined;
}

/** JSON text whose texts are {@link databaseText}. */
export function databaseJson(json: string): string {
  return json
    .replaceAll('\uEE00', '\uEE00ee00')
    .replace(/(\\\\)|\\u(0000|d[89a-f][0-9a-f]{2})/g, (_, backslash: string | undefined, unit: string) =>
      backslash === undefined ? `\uEE00${unit}` : backslash,
    );
}
