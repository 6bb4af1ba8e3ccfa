/**
 * Keeps the manifests true while objects are rewritten: which one is about to be is on the disk before it is, so that after a
 * crash, too, just these are taken into their manifest as they are then. What else differs from a manifest stays for verifying
 * to find. Older generations go: the reason of a gap may have named the person.
 *
 * Memory: the keys of a day, where days are settled one after the other.
 */
import { open, readFile, rm } from 'node:fs/promises';
import { type PlatformDay, parseManifestKey, platformDayOf } from '../../archive/manifest/manifest-key.ts';
import { listDay, removeManifests, writeManifest } from '../../archive/manifest/write-manifest.ts';
import { ifMissing } from '../../lib/system-error.ts';
import type { Spool } from '../../spool.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { storedSegment } from '../../storage/read-segment.ts';

export interface TouchedOptions {
  spool: Spool;
  store: ObjectStore;
  /** Who writes the manifests. */
  instance: string;
}

export class TouchedObjects {
  readonly #options: TouchedOptions;
  readonly #path: string;
  readonly #keys: Set<string>;

  private constructor(options: TouchedOptions, keys: readonly string[]) {
    this.#options = options;
    this.#path = pathIn(options.spool);
    this.#keys = new Set(keys);
  }

  /** With what an earlier run did not come to settle. */
  static async open(options: TouchedOptions): Promise<TouchedObjects> {
    const text = (await readFile(pathIn(options.spool), 'utf8').catch(ifMissing)) ?? '';
    return new TouchedObjects(options, text.split('\n').filter(Boolean));
  }

  /** Returns when it is on the disk: then the object may be replaced or removed. */
  async touch(key: string): Promise<void> {
    if (this.#keys.has(key)) return;
    const file = await open(this.#path, 'a');
    try {
      // The line before may be torn: what it names was not touched.
      await file.writeFile(`\n${key}\n`);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#keys.add(key);
  }

  /** The manifests of their days say what there is now. Throws what the store throws; what was touched stays known then. */
  async settle(signal: AbortSignal): Promise<void> {
    if (this.#keys.size === 0) return;
    const days = new Map<string, PlatformDay>();
    for (const key of this.#keys) {
      const segment = storedSegment(key, 0);
      if (segment) days.set(JSON.stringify(platformDayOf(segment)), platformDayOf(segment));
    }
    for (const day of days.values()) await this.#settleDay(day, signal);
    await rm(this.#path, { force: true });
    this.#keys.clear();
  }

  async #settleDay(day: PlatformDay, signal: AbortSignal): Promise<void> {
    const { store, instance } = this.#options;
    const { generations } = await listDay({ store, ...day }, signal);
    if (generations.length === 0) return;
    const scratch = this.#options.spool.path('tmp');
    const options = { ...day, store, scratch, by: instance, now: Date.now, renewed: this.#keys };
    const written = await writeManifest(options, signal);
    const isEmpty = written?.manifest.objects.length === 0;
    const generation = written && !isEmpty ? parseManifestKey(written.key)?.generation : undefined;
    await removeManifests({ store, ...day }, signal, generation);
  }
}

function pathIn(spool: Spool): string {
  return spool.path('state', 'manifests-due');
}
