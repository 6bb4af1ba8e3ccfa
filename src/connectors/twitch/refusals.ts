/**
 * NOTICEs by which Twitch refuses a channel, by their `msg-id`.
 * https://dev.twitch.tv/docs/chat/irc/#notice-message-ids and what was seen in the field.
 */
import type { Refusal } from '../channel-feed.ts';
import { detachText } from '../detach-text.ts';

const REFUSALS: Record<string, { as: Refusal; reason: string }> = {
  msg_banned: { as: 'banned', reason: 'this account is banned from the channel' },
  msg_banned_email_alias: { as: 'banned', reason: 'this account is banned from the channel' },
  msg_channel_blocked: { as: 'banned', reason: 'the channel has blocked this account' },
  no_permission: { as: 'banned', reason: 'this account may not join the channel' },
  msg_channel_suspended: { as: 'suspended', reason: 'the channel is suspended, or does not exist' },
  tos_ban: { as: 'suspended', reason: 'the channel is closed for violating the terms of service' },
  msg_room_not_found: { as: 'not_found', reason: 'no such channel' },
  invalid_user: { as: 'not_found', reason: 'no such channel' },
  msg_concurrent_channel_limit_reached: {
    as: 'limit',
    reason: 'this account is in as many channels as Twitch allows (100): use fewer, or anonymous connections',
  },
};

/** How a NOTICE refuses its channel; undefined where it does not. */
export function refusalOf(msgId: string, text: string): { as: Refusal; reason: string } | undefined {
  const refusal = Object.hasOwn(REFUSALS, msgId) ? REFUSALS[msgId] : undefined;
  return (
    refusal && {
      as: refusal.as,
      reason: text === '' ? refusal.reason : `${refusal.reason} (${detachText(text)})`,
    }
  );
}

/** What Twitch takes for a login; anything else is not sent. */
export function isTwitchLogin(name: string): boolean {
  return /^[a-z0-9_]{1,25}$/.test(name);
}
