/** Day objects in storage: read back before anything is removed on their account, and their sources, once they may go. */
import { createHash } from 'node:crypto';
import { ChatlogError } from '../../lib/errors.ts';
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import { objectDigest } from '../../storage/compare-object.ts';
import type { ObjectHead } from '../../storage/object-store.ts';
import { readSegment } from '../../storage/read-segment.ts';
import { streamObject } from '../fetch-object.ts';
import type { CompactTools, MadeDay, MergedSource } from './compact-tools.ts';

/** Looked at and removed at the same time. */
const REMOVED_AT_ONCE = 8;

/**
 * Reads the whole object. Throws `object_missing`, and `object_corrupt` where its bytes are not those that it describes, or
 * its lines are others than expected.
 */
export async function demandStored(
  key: string,
  linesSha256: string,
  { store, signal }: Pick<CompactTools, 'store' | 'signal'>,
): Promise<ObjectHead> {
  const head = await store.head(key, signal);
  if (!head) throw new ChatlogError('object_missing', `${key} is not there`, { retryable: true });
  if (!head.description) {
    for await (const _ of readSegment(store, key, signal, linesSha256));
    return head;
  }
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of streamObject(store, key, signal).chunks()) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  const { description } = head;
  const isIntact = bytes === description.objectBytes && hash.digest('hex') === description.objectSha256;
  if (isIntact && description.linesSha256 === linesSha256) return head;
  throw new ChatlogError('object_corrupt', `${key}: read back, it is not what was put there`, {
    hint: 'Nothing was removed. Look at the storage; once the object is removed, the next run makes it again.',
  });
}

/**
 * Removes those that are still what was merged. Returns the keys of those that stay: they are not, or the day object is no
 * more what was verified. The next run looks at them again.
 */
export async function removeSources(
  made: Pick<MadeDay, 'object' | 'description' | 'sources' | 'tellers'>,
  { store, signal, onStep }: CompactTools,
): Promise<string[]> {
  if (!(await isThere(made, { store, signal }))) return made.sources.map(({ segment }) => segment.key);
  const changed: string[] = [];
  // All that they tell stands beside the new object, too. As long as a source is there, the next run comes by here.
  for (const key of made.tellers) await store.remove(key, signal);
  await forEachConcurrently(made.sources, REMOVED_AT_ONCE, async (source) => {
    signal.throwIfAborted();
    const { key } = source.segment;
    await onStep?.('remove', key);
    if (await isStill(source, { store, signal })) await store.remove(key, signal);
    else changed.push(key);
  });
  return changed;
}

async function isThere(
  { object, description }: Pick<MadeDay, 'object' | 'description'>,
  { store, signal }: Pick<CompactTools, 'store' | 'signal'>,
): Promise<boolean> {
  const head = await store.head(object.key, signal);
  if (!head?.description) return head?.bytes === object.bytes;
  const { linesSha256, objectBytes } = head.description;
  return linesSha256 === description.linesSha256 && objectBytes === head.bytes;
}

/** True also where it is gone. */
async function isStill(
  { segment: { key }, objectSha256, linesSha256 }: MergedSource,
  { store, signal }: Pick<CompactTools, 'store' | 'signal'>,
): Promise<boolean> {
  const head = await store.head(key, signal);
  if (!head) return true;
  if (objectSha256 === undefined) return head.description?.linesSha256 === linesSha256;
  return (await objectDigest(store, key, head, signal)) === objectSha256;
}
