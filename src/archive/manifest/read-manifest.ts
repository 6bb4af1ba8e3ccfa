/** Finds a day's manifest among its generations. */
import { createHash } from 'node:crypto';
import { ChatlogError } from '../../lib/errors.ts';
import { collectBytes } from '../../storage/collect-bytes.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { pauseAfter } from '../fetch-object.ts';
import { patiently } from '../patiently.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { manifestKey, type PlatformDay } from './manifest-key.ts';

export interface FoundManifest {
  generation: number;
  key: string;
  manifest: Manifest;
}

export interface ManifestSearch {
  /** The highest generation that can be read; undefined where there is none. */
  found: FoundManifest | undefined;
  /** Higher generations that cannot. */
  unreadable: { key: string; reason: string }[];
}

/** @param generations those that were listed. Throws what the store throws. */
export async function readManifest(
  store: Pick<ObjectStore, 'head' | 'get'>,
  day: PlatformDay,
  generations: readonly number[],
  signal: AbortSignal,
): Promise<ManifestSearch> {
  const unreadable: ManifestSearch['unreadable'] = [];
  for (const generation of generations.toSorted((a, b) => b - a)) {
    const key = manifestKey(day, generation);
    const read = await readOne(store, key, day, signal);
    if (typeof read === 'object') return { found: { generation, key, manifest: read }, unreadable };
    if (read !== 'missing') unreadable.push({ key, reason: read });
  }
  return { found: undefined, unreadable };
}

/** The manifest, or why it cannot be read. What comes damaged over the network once does not do so twice. */
async function readOne(
  store: Pick<ObjectStore, 'head' | 'get'>,
  key: string,
  day: PlatformDay,
  signal: AbortSignal,
): Promise<Manifest | string> {
  const head = await patiently(() => store.head(key, signal), signal);
  if (!head) return 'missing';
  let before: string | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      const bytes = await collectBytes(store.get(key, signal));
      const digest = createHash('sha256').update(bytes).digest('hex');
      const isWhole = head.description === undefined || head.description.objectSha256 === digest;
      const manifest = isWhole ? parseManifest(bytes.toString('utf8'), day) : undefined;
      if (manifest) return manifest;
      if (digest === before)
        return isWhole ? 'it is no manifest of this day' : 'its bytes are not those that were written';
      before = digest;
    } catch (error) {
      if (error instanceof ChatlogError && error.code === 'object_missing') return 'missing';
      await pauseAfter(error, attempt, signal);
    }
  }
}
