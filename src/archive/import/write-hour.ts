/**
 * The new lines of one channel's hour, in the order of the archive, into one object:
 *
 *     {platform}_{channel}_{YYYYMMDD}_{HHMM}-i{8 hex digits of the lines' SHA-256}.jsonl.zst
 *
 * Which lines are new follows from what the archive holds, and the name from the lines: doing it again, also after it was
 * broken off, gives the same object.
 */
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { encodeName } from '../../segment-name.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { writeCompressed } from '../../uploading/compress-segment.ts';
import type { SegmentOrigin } from '../../uploading/describe-segment.ts';
import { putSegment } from '../put-segment.ts';
import type { ExternalSort } from './external-sort.ts';
import { timeOf } from './sort-keys.ts';

export interface HourFile {
  platform: string;
  channel: string;
  /** Of the first line. */
  firstMs: number;
  path: string;
}

const MINUTE_MS = 60_000;
/** Of its digest; more where the key is taken by other lines. */
const SUFFIX_DIGITS = [8, 16, 64];

/** Writes the lines, plain, to a file. @param sort of at least one line, by `orderedText` */
export async function writeHourFile(
  place: { platform: string; channel: string },
  sort: ExternalSort,
  path: string,
): Promise<HourFile> {
  let firstMs: number | undefined;
  async function* lines() {
    let batch: string[] = [];
    let chars = 0;
    for await (const { key, text } of sort.sorted()) {
      firstMs ??= timeOf(key);
      batch.push(text, '\n');
      chars += text.length;
      if (chars < 64 * 1024) continue;
      yield batch.join('');
      batch = [];
      chars = 0;
    }
    yield batch.join('');
  }
  await pipeline(Readable.from(lines()), createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  return { ...place, firstMs: firstMs!, path };
}

export interface HourTarget {
  store: ObjectStore;
  origin: SegmentOrigin;
  /** Zstandard, 1 to 19; the recorder's when left out. */
  level?: number;
}

export interface WrittenHour {
  key: string;
  bytes: number;
}

/** Compresses the file, puts it, verifies it, and removes it. Throws as `putSegment` does. */
export async function storeHour(
  hour: HourFile,
  target: HourTarget,
  signal: AbortSignal,
): Promise<WrittenHour> {
  const { store, origin, level } = target;
  const compressed = `${hour.path}.zst`;
  try {
    const description = await writeCompressed(
      hour.path,
      compressed,
      { compression: 'zstd', level, origin },
      signal,
    );
    const { linesSha256, objectBytes } = description;
    const name = {
      platform: encodeName(hour.platform),
      channel: encodeName(hour.channel),
      startMs: Math.floor(hour.firstMs / MINUTE_MS) * MINUTE_MS,
    };
    const suffixes = SUFFIX_DIGITS.map((digits) => `-i${linesSha256.slice(0, digits)}`);
    const key = await putSegment({ store, path: compressed, description, name, suffixes }, signal);
    return { key, bytes: objectBytes };
  } finally {
    for (const path of [hour.path, compressed]) await unlink(path).catch(() => {});
  }
}
