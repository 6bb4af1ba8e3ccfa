/** Segments in storage, read by whoever answers from them: the index, queries beyond its retention, privacy. */
import { createHash } from 'node:crypto';
import { decompress, isDecompressionError } from '../lib/decompress.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import {
  compressionOf,
  encodeName,
  objectKey,
  parseSegmentFile,
  type SegmentName,
  uncompressedName,
} from '../segment-name.ts';
import type { ObjectStore } from './object-store.ts';

export interface StoredSegment extends SegmentName {
  key: string;
  /** The key's last part, without the compression's extension: what the index's ledger knows it by. */
  ledgerName: string;
  /** Of the object as stored. */
  bytes: number;
}

export interface SegmentRange {
  /** As in the lines; all when left out. */
  platform?: string;
  channel?: string;
  /** Segments of UTC days from the one that holds `fromMs` to the one that holds `toMs`, both inclusive. */
  fromMs?: number;
  toMs?: number;
}

const DAY_MS = 86_400_000;
/** With more days than this, the whole listing is cheaper than one for each day. */
const DAY_LISTINGS_MAX = 400;

/** What is not a segment of ours is passed over. Day by day in order of time; within a day in the order of keys. */
export async function* listSegments(
  store: ObjectStore,
  range: SegmentRange,
  signal: AbortSignal,
): AsyncGenerator<StoredSegment> {
  const { fromMs, toMs } = range;
  for (const prefix of prefixes(range)) {
    for await (const { key, bytes } of store.list(prefix, signal)) {
      const segment = storedSegment(key, bytes);
      if (!segment || !isWanted(segment, range)) continue;
      const dayMs = Math.floor(segment.startMs / DAY_MS) * DAY_MS;
      if (fromMs !== undefined && dayMs + DAY_MS <= fromMs) continue;
      if (toMs !== undefined && dayMs > toMs) continue;
      yield segment;
    }
  }
}

/** Undefined where the key is none that a segment could have. */
export function storedSegment(key: string, bytes: number): StoredSegment | undefined {
  const file = key.slice(key.lastIndexOf('/') + 1);
  const name = parseSegmentFile(file);
  if (!name || objectKey(file) !== key) return undefined;
  const { compression: _, ...rest } = name;
  return { ...rest, key, ledgerName: uncompressedName(file), bytes };
}

/**
 * The object's lines as they were recorded, decompressed, in chunks that end anywhere. Throws `object_missing`, and
 * `object_corrupt` where it does not decompress to its end or, with `linesSha256` given, is something else.
 */
export async function* readSegment(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  signal: AbortSignal,
  linesSha256?: string,
): AsyncGenerator<Buffer> {
  const corrupt = (reason: string, cause?: unknown) =>
    new ChatlogError('object_corrupt', `${key}: ${reason}`, { cause });
  const hash = linesSha256 === undefined ? undefined : createHash('sha256');
  try {
    for await (const chunk of decompress(store.get(key, signal), compressionOf(key))) {
      hash?.update(chunk);
      yield chunk;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw isDecompressionError(error) ? corrupt(errorText(error), error) : error;
  }
  if (hash && hash.digest('hex') !== linesSha256) throw corrupt('its lines are not those that were recorded');
}

function isWanted({ platform, channel }: SegmentName, range: SegmentRange): boolean {
  if (range.platform !== undefined && encodeName(range.platform) !== platform) return false;
  return range.channel === undefined || encodeName(range.channel) === channel;
}

function* prefixes({ platform, channel, fromMs, toMs }: SegmentRange): Generator<string> {
  const end = toMs ?? Date.now() + DAY_MS;
  if (fromMs === undefined || (end - fromMs) / DAY_MS > DAY_LISTINGS_MAX) {
    yield '';
    return;
  }
  const path =
    platform === undefined
      ? ''
      : `${encodeName(platform).replaceAll('_', '%5F')}/${channel === undefined ? '' : `${encodeName(channel)}/`}`;
  for (let day = Math.floor(fromMs / DAY_MS) * DAY_MS; day <= end; day += DAY_MS) {
    yield `${new Date(day).toISOString().slice(0, 10).replaceAll('-', '/')}/${path}`;
  }
}
