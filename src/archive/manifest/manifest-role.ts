/**
 * Writes manifests as a role of `chatlog run`: of each day that this instance uploaded something for, some hours after it is
 * over, and again where something came later. Adds and nothing else; needs no database.
 */
import { keepTrying } from '../../index/keep-trying.ts';
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import type { Logger } from '../../lib/logger.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { UploadedFacts } from './uploaded-facts.ts';

export interface ManifestRoleOptions {
  uploaded: UploadedFacts;
  store: ObjectStore;
  instance: string;
  /** Where files are made that are put. */
  scratch: string;
  log: Logger;
  now: () => number;
}

const DAY_MS = 86_400_000;
/** What of a day comes later than that comes as an addition. */
const AFTER_MS = 3 * 3_600_000;
const ROUND_MS = 30 * 60_000;

/** Until aborted; never rejects. Begins after one round's time: whoever starts again has more urgent things to do. */
export async function runManifestRole(options: ManifestRoleOptions, signal: AbortSignal): Promise<void> {
  let isFirst = true;
  await keepTrying(
    {
      task: 'write the manifests of days that are over',
      round: async () => {
        if (!isFirst) await writeDueManifests(options, signal);
        isFirst = false;
        return ROUND_MS;
      },
      onTrouble: () => {},
      ...{ log: options.log, now: options.now, random: Math.random },
    },
    signal,
  );
}

/** Throws what the store throws. */
export async function writeDueManifests(
  { uploaded, store, instance, scratch, log, now }: ManifestRoleOptions,
  signal: AbortSignal,
): Promise<void> {
  const due = (await uploaded.days()).filter(({ dayMs }) => now() >= dayMs + DAY_MS + AFTER_MS);
  if (due.length === 0) return;
  const { writeManifest } = await import('./write-manifest.ts');
  // One after the other; one that fails does not stop the others.
  await forEachConcurrently(due, 1, async (day) => {
    signal.throwIfAborted();
    const { facts } = await uploaded.read(day);
    const written = await writeManifest(
      {
        ...{ ...day, store, by: instance, now, scratch },
        onlyOf: instance,
        known: (key, linesSha256) => {
          const known = facts.get(key);
          return known?.object.lines_sha256 === linesSha256 ? known : undefined;
        },
      },
      signal,
    );
    await uploaded.settled(day);
    if (written?.isNew)
      log.info({ key: written.key, ...written.manifest.totals }, 'wrote the manifest of a day');
  });
}
