/** The manifest of a day that was compacted: of days that have one. */
import { manifestObject } from '../manifest/manifest.ts';
import { dayPrefix, type PlatformDay, parseManifestKey } from '../manifest/manifest-key.ts';
import { removeManifests, writeManifest } from '../manifest/write-manifest.ts';
import type { CompactTools, MadeDay } from './compact-tools.ts';

/** Another generation, with the day objects and without what they stand for. Throws what the store throws. */
export async function renewManifest(
  day: PlatformDay,
  made: readonly MadeDay[],
  gone: ReadonlySet<string>,
  { store, scratch, signal }: Pick<CompactTools, 'store' | 'scratch' | 'signal'>,
): Promise<void> {
  if (!(await hasManifest(day, { store, signal }))) return;
  const known = new Map(made.map((one) => [one.object.key, one]));
  const written = await writeManifest(
    {
      ...{ ...day, store, scratch, by: '', now: Date.now, without: gone },
      known: (key, linesSha256) => {
        const one = known.get(key);
        if (!one?.gaps || one.description.linesSha256 !== linesSha256) return undefined;
        const gaps = one.gaps.map(({ platform: _, ...gap }) => gap);
        return { object: manifestObject(key, one.description), gaps };
      },
    },
    signal,
  );
  // Older ones tell the reasons of gaps, which may have named somebody who is forgotten.
  if (written && made.some(({ hasForgotten }) => hasForgotten))
    await removeManifests({ store, ...day }, signal, parseManifestKey(written.key)!.generation);
}

async function hasManifest(
  day: PlatformDay,
  { store, signal }: Pick<CompactTools, 'store' | 'signal'>,
): Promise<boolean> {
  for await (const { key } of store.list(`${dayPrefix(day)}_manifest-`, signal))
    if (parseManifestKey(key)) return true;
  return false;
}
