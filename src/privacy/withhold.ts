/**
 * What decisions do to an event that is about to be recorded or loaded. Nobody is named in a decision: people are
 * recognised by their digests, which the gate remembers.
 */
import { type ChatEvent, eventIdentity } from '../event.ts';
import { messageKey } from '../index/message-key.ts';
import type { PrivacyGate } from './privacy-gate.ts';
import { type Person, redactEvent } from './redact-event.ts';

/**
 * `keep`, `remove`, or the event as it may be kept. To be asked only where the gate {@link PrivacyGate.isEmpty | is not
 * empty}: opted-out people and channels, and what people who were forgotten did before that.
 * @param timeMs the event's own time
 */
export function withhold(event: ChatEvent, timeMs: number, gate: PrivacyGate): 'keep' | 'remove' | ChatEvent {
  if (gate.isChannelOptedOut(event.platform, event.channel) || isPurged(event, gate)) return 'remove';
  return redactEvent(event, personOf(gate, event.platform, timeMs));
}

/** Live messages come once; from a history they come again. */
function isPurged(event: ChatEvent, gate: PrivacyGate): boolean {
  if (event.source === undefined) return false;
  const identity = eventIdentity(event);
  return identity !== '' && gate.isMessagePurged(event.platform, messageKey(event.platform, identity));
}

function personOf(gate: PrivacyGate, platform: string, timeMs: number): Person {
  const isForgotten = (userKey: string) => {
    const untilMs = gate.forgottenUntilMs(platform, userKey);
    return untilMs !== undefined && timeMs <= untilMs;
  };
  return {
    isUser: (userKey) => gate.isUserOptedOut(platform, userKey) || isForgotten(userKey),
    // Who opted out is no longer quoted and no longer recorded; that others speak of them is theirs.
    isName: (name) => isForgotten(`~${name.toLowerCase()}`),
  };
}
