/** Archives for the tests of what reads them: objects with truthful metadata, in a store of any kind. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { ChatEvent } from '../../src/event.ts';
import { forEachConcurrently } from '../../src/lib/for-each-concurrently.ts';
import { encodeName, objectKey, segmentFile } from '../../src/segment-name.ts';
import type { ObjectStore, SegmentDescription } from '../../src/storage/object-store.ts';
import { daySuffix } from '../../src/storage/segment-span.ts';
import { tempDir } from './temp-dir.ts';

export interface ArchivedSegment {
  key: string;
  lines: string[];
}

export interface SegmentPlace {
  platform: string;
  channel: string;
  /** Ms since the epoch. */
  startMs: number;
  suffix?: string;
  compression?: 'zstd' | 'gzip' | 'none';
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const never = new AbortController().signal;

/** Puts one object; its key. */
export async function putSegment(
  store: ObjectStore,
  { platform, channel, startMs, suffix = '', compression = 'zstd' }: SegmentPlace,
  lines: readonly string[],
): Promise<string> {
  const name = { platform: encodeName(platform), channel: encodeName(channel), startMs, suffix };
  const key = objectKey(segmentFile(name, compression))!;
  const text = Buffer.from(lines.map((line) => `${line}\n`).join(''));
  const bytes =
    compression === 'zstd' ? zstdCompressSync(text) : compression === 'gzip' ? gzipSync(text) : text;
  await using directory = await tempDir('segment');
  const path = directory.join('object');
  await writeFile(path, bytes);
  const outcome = await store.put(key, { path, description: describe(lines, text, bytes) }, never);
  if (outcome !== 'created') throw new Error(`${key}: ${outcome}`);
  return key;
}

/** Objects that are put at the same time. */
const PUTS_MAX = 8;

/** Each recorder's lines, by channel and hour in the order given, as its objects; those of several stand side by side. */
export async function archiveLines(
  store: ObjectStore,
  recorders: readonly (readonly string[])[],
  compressionOf: (index: number) => SegmentPlace['compression'] = () => 'zstd',
): Promise<ArchivedSegment[]> {
  const planned: { place: SegmentPlace; lines: string[] }[] = [];
  for (const [recorder, lines] of recorders.entries()) {
    const hours = Map.groupBy(lines, (line) => {
      const { platform, channel, timestamp } = JSON.parse(line) as ChatEvent;
      return JSON.stringify([platform, channel, Math.floor(Date.parse(timestamp) / HOUR_MS) * HOUR_MS]);
    });
    for (const [name, ofHour] of hours) {
      const [platform, channel, startMs] = JSON.parse(name) as [string, string, number];
      const suffix = recorder === 0 ? '' : `-${recorder + 1}`;
      const compression = compressionOf(planned.length);
      planned.push({ place: { platform, channel, startMs, suffix, compression }, lines: ofHour });
    }
  }
  const keys = new Map<SegmentPlace, string>();
  await forEachConcurrently(planned, PUTS_MAX, async ({ place, lines }) => {
    keys.set(place, await putSegment(store, place, lines));
  });
  return planned.map(({ place, lines }) => ({ key: keys.get(place)!, lines }));
}

/** The day object of these lines, which are sorted and of one channel and day. */
export async function putDay(store: ObjectStore, lines: readonly string[]): Promise<ArchivedSegment> {
  const { platform, channel, timestamp } = JSON.parse(lines[0]!) as ChatEvent;
  const startMs = Math.floor(Date.parse(timestamp) / DAY_MS) * DAY_MS;
  const place = { platform, channel, startMs, suffix: daySuffix(1) };
  return { key: await putSegment(store, place, lines), lines: [...lines] };
}

function describe(lines: readonly string[], text: Buffer, bytes: Buffer): SegmentDescription {
  const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');
  const timestamps = lines.map((line) => (JSON.parse(line) as ChatEvent).timestamp).sort();
  return {
    linesSha256: sha256(text),
    objectSha256: sha256(bytes),
    objectBytes: bytes.length,
    linesBytes: text.length,
    lines: lines.length,
    firstTimestamp: timestamps[0] ?? '',
    lastTimestamp: timestamps.at(-1) ?? '',
    formatVersion: 1,
    instance: 'test',
  };
}
