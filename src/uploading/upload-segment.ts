/**
 * Takes one sealed segment to its verified object:
 *
 *     describe → put create-only → (key taken: take a name of its own, put again) → verify → rename into uploaded/
 *
 * Every step can be repeated: a crash anywhere leaves the segment in sealed/, and the next run finds its own object.
 */
import { chmod, open, rename, stat } from 'node:fs/promises';
import { ChatlogError } from '../lib/errors.ts';
import { isMissing } from '../lib/system-error.ts';
import { objectKey, parseSegmentFile, segmentFile } from '../segment-name.ts';
import { type Spool, syncDirectory } from '../spool.ts';
import { compareObject } from '../storage/compare-object.ts';
import type { ObjectStore, SegmentDescription } from '../storage/object-store.ts';
import { describeSegment, type SegmentOrigin } from './describe-segment.ts';

export interface UploadTools {
  spool: Spool;
  store: ObjectStore;
  origin: SegmentOrigin;
  onProgress: () => void;
  /** Called once a segment has another name. */
  onRename: (to: string) => void;
}

export interface UploadedSegment {
  /** Name in uploaded/. */
  file: string;
  key: string;
  description: SegmentDescription;
}

/** Digits of the segment's own digest that its name gets, one try after the other. */
const SUFFIX_DIGITS = [8, 16, 64];

/**
 * @param file name of a segment in sealed/
 * @param known its description, where it was made a moment ago
 * Throws `segment_missing` (done already), `segment_corrupt`, `not_verified`, or the store's error.
 */
export async function uploadSegment(
  tools: UploadTools,
  file: string,
  known: SegmentDescription | undefined,
  signal: AbortSignal,
): Promise<UploadedSegment> {
  const { spool, store, origin, onProgress } = tools;
  const name = parseSegmentFile(file);
  if (!name) throw new TypeError(`${file} is not the name of a segment`);
  const path = spool.path('sealed', file);
  let current = file;
  const onRename = (to: string): void => {
    tools.onRename(to);
    current = to;
  };
  try {
    const { size } = await stat(path);
    if (name.compression === 'none') await markAsOffered(path);
    const description =
      known?.objectBytes === size
        ? known
        : await describeSegment(path, name.compression, origin, signal, onProgress);
    const stored = await putUnderFreeKey({ ...tools, onRename }, file, description, signal);
    const key = objectKey(stored)!;
    await verify(store, key, description, signal);
    await rename(spool.path('sealed', stored), spool.path('uploaded', stored));
    await syncDirectory(spool.path('uploaded'));
    await syncDirectory(spool.path('sealed'));
    return { file: stored, key, description };
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (await isThere(spool.path('sealed', current))) throw error;
    throw new ChatlogError('segment_missing', `${current} is gone`, { cause: error });
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * A plain segment that may have an object is never compressed afterwards: it would get a second object under another
 * key. Its missing write permission says so, which survives a crash and needs no disk.
 */
async function markAsOffered(path: string): Promise<void> {
  const { mode } = await stat(path);
  if (isOffered(mode)) return;
  // Where a file system has no permissions, a doubled object after a crash is the worst that can happen.
  await chmod(path, mode & 0o555).catch(() => {});
  const handle = await open(path, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Whether a plain segment with this mode was offered to the storage as it is. */
export function isOffered(mode: number): boolean {
  return (mode & 0o222) === 0;
}

/** The name under which the segment is stored; it then has that name in sealed/, too. */
async function putUnderFreeKey(
  tools: UploadTools,
  file: string,
  description: SegmentDescription,
  signal: AbortSignal,
): Promise<string> {
  const { spool, store, onProgress, onRename } = tools;
  const name = parseSegmentFile(file)!;
  let current = file;
  const put = (): Promise<'created' | 'conflict'> => {
    const body = { path: spool.path('sealed', current), description, onProgress };
    return store.put(objectKey(current)!, body, signal);
  };
  if ((await put()) === 'created') return current;
  for (const digits of SUFFIX_DIGITS) {
    const suffix = `-${description.linesSha256.slice(0, digits)}`;
    if (name.suffix.endsWith(suffix)) continue;
    const renamed = segmentFile({ ...name, suffix: name.suffix + suffix }, name.compression);
    await rename(spool.path('sealed', current), spool.path('sealed', renamed));
    onRename(renamed);
    await syncDirectory(spool.path('sealed'));
    current = renamed;
    if ((await put()) === 'created') return current;
  }
  throw new ChatlogError('key_taken', `every key for ${file} holds something else`, { retryable: true });
}

async function verify(
  store: ObjectStore,
  key: string,
  description: SegmentDescription,
  signal: AbortSignal,
): Promise<void> {
  const comparison = await compareObject(store, key, description, signal);
  if (comparison === 'same') return;
  throw new ChatlogError('not_verified', `${key} in ${store.name} is ${comparison} after it was put`, {
    retryable: true,
    hint: 'the storage confirmed a write that it does not show; the local file stays',
  });
}
