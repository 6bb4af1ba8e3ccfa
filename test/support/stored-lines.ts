/** Objects of an archive for tests: put as the uploader puts them, with true metadata. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { ChatEvent, GapDetail } from '../../src/event.ts';
import { type Compression, encodeName, objectKey, segmentFile } from '../../src/segment-name.ts';
import type { ObjectStore, SegmentDescription } from '../../src/storage/object-store.ts';
import { LinesTally } from '../../src/uploading/lines-tally.ts';
import { sha256 } from './segments.ts';

const HOUR_MS = 3_600_000;

export interface StoredLines {
  platform?: string;
  channel?: string;
  /** Of the name; its hour's beginning where left out: that of the first event. */
  startMs?: number;
  suffix?: string;
  compression?: Compression;
  instance?: string;
}

/** `count` messages from a time on, a second apart, as the recorder writes them. */
export function saidLines(
  count: number,
  fromMs: number,
  { platform = 'twitch', channel = 'xqc', everyMs = 1_000 } = {},
): ChatEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const timeMs = fromMs + index * everyMs;
    return {
      timestamp: new Date(timeMs).toISOString(),
      channel,
      username: `u${index % 7}`,
      user_id: String(index % 7),
      message: `Kappa ☃ ${index}`,
      platform,
      id: createHash('md5').update(`${platform} ${channel} ${timeMs}`).digest('hex'),
      received_at: new Date(timeMs + 300).toISOString(),
    };
  });
}

/** A gap line as the coverage log writes it. */
export function gapLine(
  fromMs: number,
  toMs: number,
  {
    platform = 'twitch',
    channel = 'xqc',
    reason = 'the connection was lost',
    gap = {} as Partial<GapDetail>,
  } = {},
): ChatEvent {
  return {
    timestamp: new Date(fromMs).toISOString(),
    ...{ channel, username: '', user_id: '', message: 'not recorded', platform },
    type: 'gap',
    received_at: new Date(toMs).toISOString(),
    duration_seconds: (toMs - fromMs) / 1000,
    reason,
    gap: { until: new Date(toMs).toISOString(), backfill: 'none', filled: 0, ...gap },
  };
}

/** The key of an object of these events. */
export function keyOfLines(events: readonly ChatEvent[], options: StoredLines = {}): string {
  const [first] = events;
  const { suffix = '', compression = 'zstd' } = options;
  const platform = encodeName(options.platform ?? first?.platform ?? 'twitch');
  const channel = encodeName(options.channel ?? first?.channel ?? 'xqc');
  const startMs = options.startMs ?? Math.floor(Date.parse(first!.timestamp) / HOUR_MS) * HOUR_MS;
  return objectKey(segmentFile({ platform, channel, startMs, suffix }, compression))!;
}

/** The bytes of an object of these lines, and what its metadata says. */
export function describedLines(
  lines: Buffer,
  { compression = 'zstd', instance = 'test' }: StoredLines = {},
): { bytes: Buffer; description: SegmentDescription } {
  const bytes =
    compression === 'zstd' ? zstdCompressSync(lines) : compression === 'gzip' ? gzipSync(lines) : lines;
  const tally = new LinesTally();
  tally.update(lines);
  const description = {
    ...tally.finish(),
    ...{ objectSha256: sha256(bytes), objectBytes: bytes.length, formatVersion: 1, instance },
  };
  return { bytes, description };
}

export function linesOf(events: readonly ChatEvent[]): Buffer {
  return Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''));
}

/** Puts the events as one object, from a file in `scratch`; its key. */
export async function putLines(
  store: ObjectStore,
  scratch: string,
  events: readonly ChatEvent[],
  options: StoredLines = {},
): Promise<string> {
  const key = keyOfLines(events, options);
  const { bytes, description } = describedLines(linesOf(events), options);
  const path = `${scratch}/put-${sha256(Buffer.from(key)).slice(0, 16)}`;
  await writeFile(path, bytes);
  if ((await store.put(key, { path, description }, new AbortController().signal)) !== 'created')
    throw new Error(`${key} is taken`);
  return key;
}
