/** Puts a segment that a command made into the archive: create-only, under a key of its own, and verified. */
import { ChatlogError } from '../lib/errors.ts';
import { objectKey, type SegmentName, segmentFile } from '../segment-name.ts';
import { compareObject } from '../storage/compare-object.ts';
import type { ObjectStore, SegmentDescription } from '../storage/object-store.ts';
import { pauseAfter } from './fetch-object.ts';

export interface PutSegment {
  store: ObjectStore;
  /** The file, compressed with zstd. */
  path: string;
  description: SegmentDescription;
  name: Omit<SegmentName, 'suffix'>;
  /** Suffixes to try, the next where a key holds something else. */
  suffixes: readonly string[];
}

/**
 * The key. Where an earlier attempt had put the same lines there, that is as good. Throws `key_taken`, `not_verified`, or what
 * the storage said last after some attempts.
 */
export async function putSegment(segment: PutSegment, signal: AbortSignal): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await putOnce(segment, signal);
    } catch (error) {
      await pauseAfter(error, attempt, signal);
    }
  }
}

async function putOnce(
  { store, path, description, name, suffixes }: PutSegment,
  signal: AbortSignal,
): Promise<string> {
  for (const suffix of suffixes) {
    const key = objectKey(segmentFile({ ...name, suffix }, 'zstd'))!;
    if ((await store.put(key, { path, description }, signal)) === 'conflict') continue;
    const comparison = await compareObject(store, key, description, signal);
    if (comparison === 'same') return key;
    throw new ChatlogError('not_verified', `${key} in ${store.name} is ${comparison} after it was put`, {
      retryable: true,
      hint: 'The storage confirmed a write that it does not show.',
    });
  }
  const file = segmentFile({ ...name, suffix: suffixes.at(-1) ?? '' }, 'zstd');
  throw new ChatlogError('key_taken', `every key for ${file} holds something else`);
}
