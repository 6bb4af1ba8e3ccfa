/** Which events moderate, and which can be taken away by moderation. */
import type { EventType } from '../../event.ts';

/** Each of these is a row of `mod_actions`. */
export const MODERATION_TYPES = [
  'delete',
  'ban',
  'timeout',
  'unban',
  'untimeout',
  'clear',
] as const satisfies EventType[];
const MODERATION: ReadonlySet<EventType> = new Set(MODERATION_TYPES);

export function isModeration(type: EventType): boolean {
  return MODERATION.has(type);
}

/** What timeouts, bans and clears take away: what stands in a room because somebody wrote it. */
export const REMOVABLE_TYPES: readonly EventType[] = ['message', 'edit', 'notice', 'media', 'poll'];
const REMOVABLE: ReadonlySet<EventType> = new Set(REMOVABLE_TYPES);

export function isRemovable(type: EventType): boolean {
  return REMOVABLE.has(type);
}
