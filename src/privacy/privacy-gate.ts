/**
 * What people asked for, as everyone sees it who records, indexes or serves lines. Answers at once, from memory.
 * Made of the decisions in the archive (`decision.ts`), which outlive every database.
 */
export interface PrivacyGate {
  /** Opted out: neither recorded nor served. */
  isUserOptedOut(platform: string, userKey: string): boolean;
  isChannelOptedOut(platform: string, channel: string): boolean;
  /** Lines of and about this person up to this time (ms since the epoch) are gone and do not come back; undefined = none. */
  forgottenUntilMs(platform: string, userKey: string): number | undefined;
  /** Whether the message with this key (`message-key.ts`) was removed for good and does not come back. */
  isMessagePurged(platform: string, key: string): boolean;
  /** Whether there is any decision at all: false spares everyone the question. */
  readonly isEmpty: boolean;
}

/** How a person is named: the platform's id, or `~` and the login in lower case where the platform gives none. */
export function userKeyOf(userId: string, login: string): string {
  return userId === '' ? `~${login.toLowerCase()}` : userId;
}

/** Nobody asked for anything. */
export const OPEN_GATE: PrivacyGate = {
  isUserOptedOut: () => false,
  isChannelOptedOut: () => false,
  forgottenUntilMs: () => undefined,
  isMessagePurged: () => false,
  isEmpty: true,
};
