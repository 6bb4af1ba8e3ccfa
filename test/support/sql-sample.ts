/** A day of two channels as two recorders saw it: overlapping, of both compressions, with what a query has to bear. */
import type { ChatEvent } from '../../src/event.ts';

const START_MS = Date.UTC(2026, 10, 20, 10);
const MINUTE_MS = 60_000;

/** Ten hours, a line a minute. */
export function sampleLines(): { first: string[]; second: string[] } {
  const lines = (delayMs: number) => Array.from({ length: 600 }, (_, index) => line(index, delayMs));
  return { first: lines(100), second: lines(180).slice(200, 400) };
}

function line(index: number, delayMs: number): string {
  const timeMs = START_MS + index * MINUTE_MS;
  const isBan = index % 40 === 7;
  const event: ChatEvent & { future?: object } = {
    timestamp: new Date(timeMs).toISOString(),
    channel: index % 3 === 0 ? 'forsen' : 'xqc',
    username: isBan ? '' : `user${index % 17}`,
    user_id: isBan ? '' : String(index % 17),
    message: isBan ? '' : index % 50 === 0 ? 'LUL' : `hello ${index} \u{1F44B}\u001b[31m, "quoted"`,
    platform: 'twitch',
    ...(isBan && { type: 'ban' as const, target: 'user3', target_user_id: '3' }),
    ...(index % 5 === 0 && { badges: ['moderator/1'] }),
    ...(index === 5 && { future: { x: 1 } }),
    tags: { 'first-msg': index % 9 === 0 ? '1' : '0' },
    ...(!isBan && { id: `id-${index}` }),
    received_at: new Date(timeMs + delayMs).toISOString(),
  };
  return JSON.stringify(event);
}
