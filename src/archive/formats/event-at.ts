import type { ChatEvent } from '../../event.ts';
import { formatTimestamp } from '../../lib/timestamp.ts';
import { type LineBatch, lineAt } from '../scan/line-batch.ts';

/**
 * What `write` makes of the event of each line, `''` where it leaves one out. A line that is none of ours, or has members of
 * other types than ours, is given as a `raw` event with the whole line as its text: nothing throws, and nothing is lost.
 */
export function eachEvent(batch: LineBatch, write: (event: ChatEvent) => string | Buffer): Buffer[] {
  return Array.from(batch.times, (timeMs, index) => {
    const line = lineAt(batch, index).toString();
    try {
      return toBuffer(write(JSON.parse(line) as ChatEvent));
    } catch {
      return toBuffer(write(rawEvent(line, timeMs)));
    }
  });
}

function toBuffer(written: string | Buffer): Buffer {
  if (typeof written === 'string') return Buffer.from(written);
  if (Buffer.isBuffer(written)) return written;
  throw new TypeError('a member is of another type than it should be');
}

/** For a line that is none of ours; its time is that of its place. */
export function rawEvent(line: string, timeMs: number): ChatEvent {
  return {
    timestamp: formatTimestamp(timeMs),
    channel: '*',
    username: '',
    user_id: '',
    message: line,
    platform: '',
    type: 'raw',
    raw: line,
  };
}
