/** Chat for tests of the index: a little of everything that one line does to another, the same for the same seed. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ChatEvent } from '../../src/event.ts';
import { formatTimestamp } from '../../src/lib/timestamp.ts';
import { encodeName, objectKey, segmentFile } from '../../src/segment-name.ts';

/** Some hours ago, the beginning of one: within every retention, and over. */
export const CHAT_START_MS = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 30 * 3_600_000;

export interface ChatOptions {
  channel: string;
  lines: number;
  startMs?: number;
  /** Between two lines. */
  stepMs?: number;
  seed?: string;
}

/** JSON lines without their ends: messages, replies, joins (some the same twice), timeouts, bans, deletions, clears, gaps. */
export function indexedChat({
  channel,
  lines,
  startMs = CHAT_START_MS,
  stepMs = 700,
  seed = '',
}: ChatOptions): string[] {
  return Array.from({ length: lines }, (_, index) => {
    const at = (n: number) => formatTimestamp(startMs + n * stepMs);
    const id = (n: number) => uuid(`${seed}${channel}${n}`);
    const user = (n: number) => ({ username: `u${n % 13}`, user_id: String(100 + (n % 13)) });
    const common = { timestamp: at(index), channel, platform: 'twitch' };
    const received_at = formatTimestamp(startMs + index * stepMs + 40);
    const line = (event: Partial<ChatEvent>) =>
      JSON.stringify({ ...common, username: '', user_id: '', message: '', ...event });
    // Joins are known by nothing but their line: two that are the same are two.
    if (index % 20 === 7 || index % 20 === 8) {
      const moment = at(index - (index % 20 === 8 ? 1 : 0));
      return line({ timestamp: moment, username: 'u5', type: 'join', received_at: moment });
    }
    if (index % 50 === 21)
      return line({
        type: 'timeout',
        target: user(index - 3).username,
        target_user_id: user(index - 3).user_id,
        duration_seconds: 60,
        received_at,
      });
    if (index % 50 === 33)
      return line({
        type: 'delete',
        target_message_id: id(index - 2),
        target: user(index - 2).username,
        received_at,
      });
    if (index % 200 === 150) return line({ type: 'clear', received_at });
    if (index % 200 === 190)
      return line({
        type: 'gap',
        duration_seconds: 5,
        reason: 'reconnecting',
        gap: { until: at(index + 5), backfill: 'none', filled: 0 },
      });
    const reply = index % 10 === 9 ? { reply_to: id(index - 4) } : {};
    return line({
      ...user(index),
      message: `${seed}line ${index} ☃ "quoted"`,
      ...reply,
      display_name: user(index).username.toUpperCase(),
      tags: { color: '#FF0000' },
      id: id(index),
      received_at,
    });
  });
}

export function bytesOf(lines: readonly string[]): Buffer {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

/** Name of the segment of a channel that begins then. */
export function segmentNamed(
  channel: string,
  startMs = CHAT_START_MS,
  suffix = '',
  compression: 'none' | 'zstd' | 'gzip' = 'none',
): string {
  return segmentFile({ platform: 'twitch', channel: encodeName(channel), startMs, suffix }, compression);
}

/** Puts a file where a directory archive has the object, without metadata. */
export async function putBare(archive: string, file: string, bytes: Buffer): Promise<void> {
  const path = join(archive, objectKey(file)!);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

function uuid(text: string): string {
  const hex = createHash('md5').update(text).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
