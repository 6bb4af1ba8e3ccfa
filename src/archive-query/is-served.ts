/** Whether a line may be shown: nobody in it opted out or is forgotten. */
import type { ChatEvent } from '../event.ts';
import { type PrivacyGate, userKeyOf } from '../privacy/privacy-gate.ts';

export function isServed(privacy: PrivacyGate, event: ChatEvent): boolean {
  if (privacy.isEmpty) return true;
  const { platform, channel, username, user_id, target, target_user_id } = event;
  if (privacy.isChannelOptedOut(platform, channel)) return false;
  return (
    isShown(privacy, event, user_id, username) && isShown(privacy, event, target_user_id ?? '', target ?? '')
  );
}

function isShown(privacy: PrivacyGate, event: ChatEvent, userId: string, login: string): boolean {
  if (userId === '' && login === '') return true;
  const key = userKeyOf(userId, login);
  if (privacy.isUserOptedOut(event.platform, key)) return false;
  const forgottenMs = privacy.forgottenUntilMs(event.platform, key);
  return forgottenMs === undefined || Date.parse(event.timestamp) > forgottenMs;
}
