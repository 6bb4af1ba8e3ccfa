/** What a manifest says of one object, read from the object. */
import { createHash } from 'node:crypto';
import { ChatlogError } from '../../lib/errors.ts';
import type { ObjectHead, ObjectStore } from '../../storage/object-store.ts';
import { readSegment } from '../../storage/read-segment.ts';
import { LinesTally } from '../../uploading/lines-tally.ts';
import { pauseAfter } from '../fetch-object.ts';
import { GapScanner } from './gap-scanner.ts';
import { type ManifestGap, type ManifestObject, manifestObject } from './manifest.ts';

export interface SegmentFacts {
  object: ManifestObject;
  gaps: readonly ManifestGap[];
}

/**
 * Reads the object to its end, streaming; again where that fails, which is also how damage on the way is told from a damaged
 * object. Where it has metadata, that says what it holds. Throws `object_missing`, `object_corrupt` where it does not
 * decompress or is not what its metadata says, and what the store throws.
 */
export async function readSegmentFacts(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  head: Pick<ObjectHead, 'description'>,
  signal: AbortSignal,
): Promise<SegmentFacts> {
  for (let attempt = 1, corrupt = 0; ; attempt++) {
    try {
      return await readOnce(store, key, head, signal);
    } catch (error) {
      const isCorrupt = error instanceof ChatlogError && error.code === 'object_corrupt';
      if (isCorrupt && ++corrupt === 2) throw error;
      await pauseAfter(error, attempt, signal);
    }
  }
}

async function readOnce(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  { description }: Pick<ObjectHead, 'description'>,
  signal: AbortSignal,
): Promise<SegmentFacts> {
  const hash = createHash('sha256');
  let bytes = 0;
  const hashed: Pick<ObjectStore, 'get'> = {
    async *get() {
      for await (const chunk of store.get(key, signal)) {
        hash.update(chunk);
        bytes += chunk.length;
        yield chunk;
      }
    },
  };
  const scanner = new GapScanner();
  const tally = description ? undefined : new LinesTally();
  for await (const chunk of readSegment(hashed, key, signal, description?.linesSha256)) {
    scanner.update(chunk);
    tally?.update(chunk);
  }
  const gaps = scanner.finish();
  if (!tally) return { object: manifestObject(key, description!), gaps };
  const origin = { formatVersion: 0, instance: '' };
  const described = { ...tally.finish(), objectSha256: hash.digest('hex'), objectBytes: bytes, ...origin };
  return { object: manifestObject(key, described), gaps };
}
