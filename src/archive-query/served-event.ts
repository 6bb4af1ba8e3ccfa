import type { ChatEvent } from '../event.ts';
import type { PrivacyGate } from '../privacy/privacy-gate.ts';
import { withhold } from '../privacy/withhold.ts';

/**
 * The event as it may be shown: itself, or with names in it blanked, or undefined where it is of a person or channel that
 * opted out, of somebody forgotten, or was removed for good. `key` as in the index.
 */
export function servedEvent(
  privacy: PrivacyGate,
  { event, timeMs, key }: { event: ChatEvent; timeMs: number; key: string },
): ChatEvent | undefined {
  if (privacy.isEmpty) return event;
  if (privacy.isMessagePurged(event.platform, key)) return undefined;
  const outcome = withhold(event, timeMs, privacy);
  if (outcome === 'remove') return undefined;
  return outcome === 'keep' ? event : outcome;
}
