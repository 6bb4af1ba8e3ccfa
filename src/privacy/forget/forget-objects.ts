/**
 * Rewrites the objects that hold what is to go. Every segment of the platform is read once, streaming; only those that
 * hold something are rewritten, each by one atomic replacement that is verified before it counts. What pipelines exported
 * is rewritten likewise (`forget-exports.ts`).
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createDayCompressor, REWRITE_LEVEL } from '../../archive/compact/day-compressor.ts';
import { dayPrefix, platformDayOf } from '../../archive/manifest/manifest-key.ts';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { type Compression, compressionOf } from '../../segment-name.ts';
import { objectDigest } from '../../storage/compare-object.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments, readSegment, type StoredSegment, storedSegment } from '../../storage/read-segment.ts';
import { isDayObject } from '../../storage/segment-span.ts';
import type { LineJudge } from './line-judge.ts';
import { type Rewritten, rewriteLines, surveyLines } from './rewrite-lines.ts';
import type { TouchedObjects } from './touched-objects.ts';

export interface ForgetObjectsOptions {
  store: ObjectStore;
  judge: LineJudge;
  /** Objects of earlier days hold nothing that is to go. */
  fromMs?: number;
  /** A directory for what is being written. */
  scratch: string;
  /** Before an object takes the place of the other: what of the index goes with it. */
  onRewritten: (rewritten: Rewritten) => Promise<void>;
  /** Where manifests tell of the objects: what they have to tell goes with it, too. */
  touched?: TouchedObjects;
  onObject: (object: ObjectReport) => void;
  signal: AbortSignal;
}

/** What became of one object. */
export interface ObjectReport {
  key: string;
  removed: number;
  blanked: number;
  /** It does not decompress, or is not what it says: nobody can tell what it holds. */
  unreadable?: true;
}

const ATTEMPTS_MAX = 3;

export async function forgetObjects(options: ForgetObjectsOptions): Promise<void> {
  const { touched, signal } = options;
  let day = '';
  for await (const segment of concerned(options)) {
    const prefix = dayPrefix(platformDayOf(segment));
    if (prefix !== day) await touched?.settle(signal);
    day = prefix;
    options.onObject(await forgetObject(segment.key, compressionOf(segment.key), options));
  }
  await touched?.settle(signal);
}

/** What {@link forgetObjects} would do; nothing is touched. */
export async function surveyObjects(
  options: Omit<ForgetObjectsOptions, 'onRewritten' | 'touched' | 'scratch'>,
): Promise<void> {
  const { store, judge, signal, onObject } = options;
  for await (const { key } of concerned(options)) {
    try {
      onObject({ key, ...(await surveyLines(readSegment(store, key, signal), judge, signal)) });
    } catch (error) {
      onObject(unreadable(key, error));
    }
  }
}

function concerned({
  store,
  judge: { platform, channel },
  fromMs,
  signal,
}: Pick<ForgetObjectsOptions, 'store' | 'judge' | 'fromMs' | 'signal'>): AsyncGenerator<StoredSegment> {
  const range = {
    platform,
    ...(channel !== undefined && { channel }),
    ...(fromMs !== undefined && { fromMs }),
  };
  return listSegments(store, range, signal);
}

/** One object of lines, whatever its key. */
export async function forgetObject(
  key: string,
  compression: Compression,
  options: Omit<ForgetObjectsOptions, 'onObject'>,
): Promise<ObjectReport> {
  const { store, judge, scratch, onRewritten, touched, signal } = options;
  for (let attempt = 1; ; attempt++) {
    const head = await store.head(key, signal);
    if (!head) return { key, removed: 0, blanked: 0 };
    const before = head.description;
    const path = join(scratch, `forget-${randomUUID()}`);
    try {
      const rewritten = await rewriteLines({
        read: () => readSegment(store, key, signal, before?.linesSha256),
        to: path,
        compression,
        ...(isDay(key) && { compressor: () => createDayCompressor(REWRITE_LEVEL) }),
        origin: {
          formatVersion: before?.formatVersion ?? RECORD_FORMAT_VERSION,
          instance: before?.instance ?? '',
        },
        judge,
        signal,
      });
      if (!rewritten) return { key, removed: 0, blanked: 0 };
      await onRewritten(rewritten);
      await touched?.touch(key);
      const { removed, blanked, description } = rewritten;
      if (!description) {
        await store.remove(key, signal);
        return { key, removed, blanked };
      }
      const digest = await objectDigest(store, key, head, signal);
      const outcome = await store.replace(key, { path, description }, digest, signal);
      if (outcome === 'replaced') return { key, removed, blanked };
      if (outcome === 'missing' || attempt < ATTEMPTS_MAX) continue;
      throw new ChatlogError('object_changes', `${key} changes all the time`, { retryable: true });
    } catch (error) {
      // Rewritten, merged or removed by somebody else between the look and the reading.
      if ((isCorrupt(error) || isMissing(error)) && attempt < ATTEMPTS_MAX) continue;
      return unreadable(key, error);
    } finally {
      await rm(path, { force: true });
    }
  }
}

function isDay(key: string): boolean {
  const segment = storedSegment(key, 0);
  return segment !== undefined && isDayObject(segment);
}

function unreadable(key: string, error: unknown): ObjectReport {
  if (!isCorrupt(error)) throw error;
  return { key, removed: 0, blanked: 0, unreadable: true };
}

function isMissing(error: unknown): boolean {
  return error instanceof ChatlogError && error.code === 'object_missing';
}

function isCorrupt(error: unknown): boolean {
  return error instanceof ChatlogError && ['object_corrupt', 'segment_corrupt'].includes(error.code);
}
