/** What people asked not to be served, checked once more where answers are made: the index may not have followed yet. */
import type { PrivacyGate } from '../privacy/privacy-gate.ts';

export function isChannelVisible(privacy: PrivacyGate, platform: string, channel: string): boolean {
  return privacy.isEmpty || !privacy.isChannelOptedOut(platform, channel);
}

export function isUserVisible(privacy: PrivacyGate, platform: string, userKey: string | null): boolean {
  return privacy.isEmpty || userKey === null || !privacy.isUserOptedOut(platform, userKey);
}

export interface Traceable {
  platform: string;
  channel: string;
  /** Everyone whom it is by or about. */
  userKeys: readonly (string | null)[];
  timeMs: number;
  key: string;
}

export function isVisible(
  privacy: PrivacyGate,
  { platform, channel, userKeys, timeMs, key }: Traceable,
): boolean {
  if (privacy.isEmpty) return true;
  if (privacy.isChannelOptedOut(platform, channel) || privacy.isMessagePurged(platform, key)) return false;
  return userKeys.every((userKey) => {
    if (userKey === null) return true;
    const forgottenUntilMs = privacy.forgottenUntilMs(platform, userKey);
    return (
      !privacy.isUserOptedOut(platform, userKey) &&
      !(forgottenUntilMs !== undefined && timeMs <= forgottenUntilMs)
    );
  });
}
