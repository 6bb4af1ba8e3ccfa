/**
 * The segments of a day on the local disk, as they were at one moment: everything that is made of them is made of the same
 * bytes, whatever happens to the objects meanwhile. Each is checked against what it says of itself while it is fetched.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import type { ObjectStore, OpenedObject, SegmentDescription } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { streamObject } from '../fetch-object.ts';

export interface SourceCopy {
  segment: StoredSegment;
  path: string;
  /** What the object says of itself; undefined where Chatlog did not write it. */
  description: SegmentDescription | undefined;
  /** Of the bytes that were copied. */
  objectSha256: string;
  objectBytes: number;
}

const FETCHES_AT_ONCE = 4;
const ATTEMPTS_MAX = 2;

/**
 * Throws `object_missing` where one went away since it was listed, `object_corrupt` where one is damaged, and what the store
 * or the disk says.
 */
export async function copySources(
  store: Pick<ObjectStore, 'head' | 'open'>,
  segments: readonly StoredSegment[],
  directory: string,
  signal: AbortSignal,
): Promise<SourceCopy[]> {
  const copies: SourceCopy[] = [];
  const failures: unknown[] = [];
  await forEachConcurrently([...segments.entries()], FETCHES_AT_ONCE, async ([index, segment]) => {
    if (failures.length > 0) return;
    try {
      copies[index] = await copySource(store, segment, join(directory, `source-${index}`), signal);
    } catch (error) {
      failures.push(error);
    }
  });
  if (failures.length > 0) throw failures[0];
  return copies;
}

async function copySource(
  store: Pick<ObjectStore, 'head' | 'open'>,
  segment: StoredSegment,
  path: string,
  signal: AbortSignal,
): Promise<SourceCopy> {
  for (let attempt = 1; ; attempt++) {
    const head = await store.head(segment.key, signal);
    if (!head) throw new ChatlogError('object_missing', `${segment.key} went away`, { retryable: true });
    const hash = createHash('sha256');
    let objectBytes = 0;
    const file = await open(path, 'w');
    try {
      for await (const chunk of streamObject(store, segment.key, signal).chunks()) {
        hash.update(chunk);
        objectBytes += chunk.length;
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
    const objectSha256 = hash.digest('hex');
    const { description } = head;
    const isRight = description === undefined || description.objectSha256 === objectSha256;
    if (isRight && objectBytes === head.bytes)
      return { segment, path, description, objectSha256, objectBytes };
    // It may have been rewritten between the two requests.
    if (attempt === ATTEMPTS_MAX)
      throw new ChatlogError('object_corrupt', `${segment.key}: its bytes are not those that it describes`, {
        hint: 'chatlog verify says more; --repair mends what this machine still has.',
      });
  }
}

/** What reads objects finds the copies in place of them. */
export function copiesAsStore(copies: readonly SourceCopy[]): Pick<ObjectStore, 'open'> {
  const byKey = new Map(copies.map((copy) => [copy.segment.key, copy]));
  return {
    open: async (key): Promise<OpenedObject> => {
      const copy = byKey.get(key);
      if (!copy) throw new ChatlogError('object_missing', `${key} was not copied`);
      const { description, objectBytes: bytes, path } = copy;
      return { bytes, ...(description && { description }), body: createReadStream(path) };
    },
  };
}
