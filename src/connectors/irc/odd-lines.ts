/** Bytes that are no proper line, as events: what can be read of them is filled in, the exact bytes go along. */
import { isUtf8 } from 'node:buffer';
import type { CapturedEvent, ChatEvent } from '../../event.ts';
import { detachText } from '../detach-text.ts';
import type { OddReason } from './line-splitter.ts';

/** What the first piece of a line says of the whole line. */
type Head = Pick<ChatEvent, 'timestamp' | 'channel' | 'username' | 'user_id'> & { timeMs: number };

/** One per connection: the pieces of a line come one after the other, and only the first says whose line it is. */
export class OddLines {
  #head: Head | undefined;

  /** @param parse the platform's own parser; the first piece of a line is read by it, with U+FFFD for what is no text. */
  event(
    bytes: Buffer,
    reason: OddReason,
    piece: number,
    parse: (line: string) => CapturedEvent,
  ): CapturedEvent {
    const text = bytes.toString('utf8');
    const isTooLong = reason === 'too long';
    // What stands in the middle of a line is no line, whatever it looks like.
    const { event, timeMs, identity } = parse(isTooLong && piece > 1 ? '' : text);
    const head = (isTooLong && piece > 1 && this.#head) || { ...event, timeMs };
    if (isTooLong && piece === 1) this.#head = headOf(event, timeMs);
    const raw: ChatEvent = {
      timestamp: head.timestamp,
      channel: head.channel,
      username: head.username,
      user_id: head.user_id,
      message: event.message,
      platform: event.platform,
      type: 'raw',
      id: event.id,
      received_at: event.received_at,
      reason: isTooLong ? `line too long, piece ${piece}` : reason,
      raw: text,
      raw_base64: isUtf8(bytes) ? undefined : bytes.toString('base64'),
    };
    return {
      event: raw,
      timeMs: head.timeMs,
      identity: isTooLong ? '' : identity,
      unsampled: true,
      wireChars: text.length,
    };
  }
}

function headOf({ timestamp, channel, username, user_id }: ChatEvent, timeMs: number): Head {
  return {
    timestamp,
    channel: detachText(channel),
    username: detachText(username),
    user_id: detachText(user_id),
    timeMs,
  };
}
