/** One object of the archive, whole and checked. What fails on the way is tried again; what is damaged is said to be. */
import { createHash, hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChatlogError } from '../lib/errors.ts';
import type { ObjectStore, SegmentDescription } from '../storage/object-store.ts';

export interface FetchedObject {
  key: string;
  /** As stored, in a buffer of its own: it may be transferred to another thread. */
  bytes: Uint8Array<ArrayBuffer>;
  /** What the object says about itself; undefined where Chatlog did not write it. */
  description: SegmentDescription | undefined;
  /** By the digest of its bytes; undefined where it has no description. Of a damaged object `bytes` are what there is. */
  isIntact: boolean | undefined;
}

const ATTEMPTS_MAX = 7;
/** Reads that have to give the same wrong bytes. */
const ALIKE_MAX = 3;
/** Doubled for every further attempt. */
const PAUSE_MS = 200;
/** What trying again does not change. */
const FINAL: ReadonlySet<string> = new Set([
  'object_missing',
  'access_denied',
  'bucket_missing',
  'key_invalid',
  'wrong_region',
  'tls_error',
]);

/**
 * Throws `object_missing`, or what the storage said last after some attempts. An object whose bytes are not those it
 * describes counts as damaged when it was read so several times: what is damaged on the way is seldom damaged alike.
 */
export async function fetchObject(
  store: Pick<ObjectStore, 'open'>,
  key: string,
  signal: AbortSignal,
): Promise<FetchedObject> {
  const seen: string[] = [];
  for (let attempt = 1; ; attempt++) {
    let error: unknown;
    try {
      const fetched = await fetchOnce(store, key, signal);
      const { bytes, description, isIntact } = fetched;
      // Of another size it is another object, as one that was compressed anew.
      if (isIntact !== false || bytes.length !== description?.objectBytes) return fetched;
      const digest = hash('sha256', bytes, 'hex');
      seen.push(digest);
      if (seen.filter((other) => other === digest).length === ALIKE_MAX) return fetched;
      error = damagedOnTheWay(key, 'other bytes came each time');
    } catch (thrown) {
      error = thrown;
    }
    await pauseAfter(error, attempt, signal);
  }
}

async function fetchOnce(
  store: Pick<ObjectStore, 'open'>,
  key: string,
  signal: AbortSignal,
): Promise<FetchedObject> {
  const { bytes: size, description, body } = await store.open(key, signal);
  let bytes = new Uint8Array(size);
  let length = 0;
  for await (const chunk of body) {
    if (length + chunk.length > bytes.length) bytes = grown(bytes, length + chunk.length);
    bytes.set(chunk, length);
    length += chunk.length;
  }
  signal.throwIfAborted();
  if (length < size) throw damagedOnTheWay(key, `${length} of ${size} bytes came`);
  if (bytes.length > length) bytes = bytes.slice(0, length);
  const isIntact = description && hash('sha256', bytes, 'hex') === description.objectSha256;
  return { key, bytes, description, isIntact };
}

/** A store that did not say how much comes. */
function grown(bytes: Uint8Array<ArrayBuffer>, needed: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(needed, bytes.length * 2));
  larger.set(bytes);
  return larger;
}

export interface StreamedObject {
  /**
   * The object's bytes as stored; where the connection breaks, the rest comes over another one. Afterwards `isIntact` tells
   * whether they were right. Throws as {@link fetchObject} does.
   */
  chunks(): AsyncGenerator<Uint8Array>;
  /** As of {@link FetchedObject}; undefined before the end, too. */
  isIntact: boolean | undefined;
}

/** For objects too large to be held. What was damaged on the way cannot be taken back, only told. */
export function streamObject(
  store: Pick<ObjectStore, 'open'>,
  key: string,
  signal: AbortSignal,
): StreamedObject {
  const streamed: StreamedObject = { isIntact: undefined, chunks };
  return streamed;

  async function* chunks(): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let given = 0;
    for (let attempt = 1; ; attempt++) {
      let passed = 0;
      try {
        const { bytes: size, description, body } = await store.open(key, signal);
        for await (const chunk of body) {
          const fresh = chunk.subarray(Math.min(chunk.length, Math.max(0, given - passed)));
          passed += chunk.length;
          if (fresh.length === 0) continue;
          given += fresh.length;
          hash.update(fresh);
          attempt = 1;
          yield fresh;
        }
        if (given < size) throw damagedOnTheWay(key, `${given} of ${size} bytes came`);
        streamed.isIntact = description && hash.digest('hex') === description.objectSha256;
        return;
      } catch (error) {
        await pauseAfter(error, attempt, signal);
      }
    }
  }
}

function damagedOnTheWay(key: string, reason: string): ChatlogError {
  return new ChatlogError('damaged_in_transit', `${key}: ${reason}`, { retryable: true });
}

/** Before another attempt; throws the error where there is to be none. */
export async function pauseAfter(error: unknown, attempt: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const code = error instanceof ChatlogError ? error.code : '';
  if (FINAL.has(code) || attempt >= ATTEMPTS_MAX) throw error;
  await sleep(PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()), undefined, { signal });
}
