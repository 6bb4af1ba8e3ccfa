/** Bytes that are no proper line, as events: what can be read of them is filled in, the exact bytes go along. */
import { isUtf8 } from 'node:buffer';
import type { CapturedEvent, ChatEvent } from '../../event.ts';
import type { OddReason } from './line-splitter.ts';

/** @param parse the platform's own parser; the first piece of a line is read by it, with U+FFFD for what is no text. */
export function oddLine(
  bytes: Buffer,
  reason: OddReason,
  piece: number,
  parse: (line: string) => CapturedEvent,
): CapturedEvent {
  const text = bytes.toString('utf8');
  const { event, timeMs, identity } = parse(text);
  const raw: ChatEvent = {
    timestamp: event.timestamp,
    channel: event.channel,
    username: event.username,
    user_id: event.user_id,
    message: event.message,
    platform: event.platform,
    type: 'raw',
    id: event.id,
    received_at: event.received_at,
    reason: reason === 'too long' ? `line too long, piece ${piece}` : reason,
    raw: text,
    raw_base64: isUtf8(bytes) ? undefined : bytes.toString('base64'),
  };
  return { event: raw, timeMs, identity: reason === 'too long' ? '' : identity, unsampled: true };
}
