/** Which events moderate, and which can be taken away by moderation. */
import type { EventType } from '../../event.ts';

const MODERATION: ReadonlySet<EventType> = new Set([
  'delete',
  'ban',
  'timeout',
  'unban',
  'untimeout',
  'clear',
]);

/** Each of these is a row of `mod_actions`. */
export function isModeration(type: EventType): boolean {
  return MODERATION.has(type);
}

/** What timeouts, bans and clears take away: what stands in a room because somebody wrote it. */
export const REMOVABLE_TYPES: readonly EventType[] = ['message', 'edit', 'notice', 'media', 'poll'];
const REMOVABLE: ReadonlySet<EventType> = new Set(REMOVABLE_TYPES);

export function isRemovable(type: EventType): boolean {
  return REMOVABLE.has(type);
}
