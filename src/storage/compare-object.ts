/** Whether a key holds what it should: asked before a failed put counts as failed, and before anything local is deleted. */
import { createHash } from 'node:crypto';
import type { ObjectHead, ObjectStore, SegmentDescription } from './object-store.ts';

export type Comparison =
  /** The object holds exactly these lines. */
  'same' | 'different' | 'missing';

/**
 * Goes by the size and by the digests in the object's metadata; where a store dropped the metadata, the object is
 * read back and hashed. An ETag is never a hash.
 */
export async function compareObject(
  store: Pick<ObjectStore, 'head' | 'get'>,
  key: string,
  expected: SegmentDescription,
  signal: AbortSignal,
): Promise<Comparison> {
  const head = await store.head(key, signal);
  if (!head) return 'missing';
  if (head.description) return compareDescriptions(head, head.description, expected);
  if (head.bytes !== expected.objectBytes) return 'different';
  return (await objectDigest(store, key, head, signal)) === expected.objectSha256 ? 'same' : 'different';
}

/** The SHA-256 of an object's own bytes: from its metadata where that fits its size, else by reading it. */
export async function objectDigest(
  store: Pick<ObjectStore, 'get'>,
  key: string,
  head: ObjectHead,
  signal: AbortSignal,
): Promise<string> {
  if (head.description?.objectBytes === head.bytes) return head.description.objectSha256;
  const hash = createHash('sha256');
  for await (const chunk of store.get(key, signal)) hash.update(chunk);
  return hash.digest('hex');
}

function compareDescriptions(
  head: ObjectHead,
  actual: SegmentDescription,
  expected: SegmentDescription,
): Comparison {
  // The same lines compressed by another version of zlib are the same lines: a second copy would double them.
  const intact = head.bytes === actual.objectBytes;
  return intact && actual.linesSha256 === expected.linesSha256 ? 'same' : 'different';
}
