import type { CapturedEvent } from '../../src/event.ts';
import { formatTimestamp } from '../../src/lib/timestamp.ts';

/** The pure half of a platform: a line to an event. Never throws: what it does not understand is `type: raw`. */
export function parseJsonLine(line: string, nowMs: number): { joined?: string; captured: CapturedEvent } {
  const said = parseObject(line);
  const { joined, channel, user, text, id, at } = said;
  const isMessage = typeof channel === 'string' && typeof user === 'string' && typeof text === 'string';
  const timeMs = typeof at === 'number' && at > 0 && at <= nowMs ? at : nowMs;
  const event: CapturedEvent['event'] = {
    timestamp: formatTimestamp(timeMs),
    channel: typeof channel === 'string' ? channel : '*',
    username: isMessage ? user : '',
    user_id: '',
    message: isMessage ? text : '',
    platform: 'example',
    ...(isMessage ? {} : { type: 'raw' as const }),
    ...(typeof id === 'string' ? { id } : {}),
    received_at: formatTimestamp(nowMs),
    raw: line,
  };
  const captured = { event, timeMs, identity: event.id ?? '', unsampled: !isMessage, wireChars: line.length };
  return typeof joined === 'string' ? { joined, captured } : { captured };
}

function parseObject(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
