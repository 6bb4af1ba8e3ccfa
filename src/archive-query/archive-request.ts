/** What is asked of the archive itself, and which lines answer it: pure. */
import { type ChatEvent, eventType } from '../event.ts';

export interface ArchiveRequest {
  /** As in the lines. Several where a channel was renamed: their lines come in one order. */
  channels: readonly { platform: string; channel: string }[];
  /** Half-open, ms since the epoch. */
  fromMs: number;
  toMs: number;
  /** Newest first. */
  reverse?: boolean;
  /** Only what this person wrote and what happened to them. */
  user?: ArchiveUser;
  /** Where a page goes on: only what comes after this line in the order asked for. */
  after?: { timeMs: number; key: string };
  /** Waits for its turn; else a scan is refused while as many are under way as may be. */
  waits?: boolean;
}

export interface ArchiveUser {
  /** The platform's id; undefined where it is not known. */
  id: string | undefined;
  /** Names, for lines that have no id, and for everything where the id is not known. */
  logins: readonly string[];
}

/** A line in storage. */
export interface ArchivedLine {
  timeMs: number;
  /** As in the index (`message-key.ts`). */
  key: string;
  event: ChatEvent;
  /** As it was recorded, without its line end. */
  line: Buffer;
}

/** Whether the event was done by, or happened to, this person. */
export function concerns(event: ChatEvent, { id, logins }: ArchiveUser): boolean {
  if (id !== undefined && (event.user_id === id || event.target_user_id === id)) return true;
  // Lines of other origin may have anything there.
  const byName = (userId: unknown, login: unknown) =>
    typeof login === 'string' &&
    login !== '' &&
    (id === undefined || userId === undefined || userId === '') &&
    logins.includes(login.toLowerCase());
  if (byName(event.user_id, event.username)) return true;
  return eventType(event) !== 'presence' && byName(event.target_user_id, event.target);
}

/** A line without any of these in it need not be parsed. Undefined where that cannot be told. */
export function neededTexts(user: ArchiveUser | undefined): string[] | undefined {
  if (user === undefined) return undefined;
  // Logins are compared without case; those of Twitch have none.
  if (user.logins.some((login) => !/^[a-z0-9_]*$/.test(login))) return undefined;
  return [user.id, ...user.logins].filter((text) => text !== undefined).map((text) => JSON.stringify(text));
}

/** The order of the index: time, then key. */
export function compareLines(a: { timeMs: number; key: string }, b: { timeMs: number; key: string }): number {
  return a.timeMs - b.timeMs || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}
