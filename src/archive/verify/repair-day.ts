/**
 * Mends what can be mended of a day: objects from local copies, then the manifest. Nothing is taken away. What could not be
 * mended says why.
 */
import { createHash } from 'node:crypto';
import { RECORD_FORMAT_VERSION } from '../../event.ts';
import { errorText } from '../../lib/errors.ts';
import type { ObjectBody, ObjectStore } from '../../storage/object-store.ts';
import { manifestObject } from '../manifest/manifest.ts';
import type { SegmentFacts } from '../manifest/segment-facts.ts';
import { type WrittenManifest, writeManifest } from '../manifest/write-manifest.ts';
import type { CheckedObject } from './check-day.ts';
import type { LocalCopies } from './local-copies.ts';
import type { Problem } from './problem.ts';
import type { DayVerdict } from './verify-day.ts';

export interface RepairTools {
  store: ObjectStore;
  local: LocalCopies | undefined;
  /** Why there are no local copies to look at; for messages. */
  localProblem: string;
  instance: string;
  now: () => number;
  signal: AbortSignal;
}

const FROM_COPY: ReadonlySet<Problem['code']> = new Set([
  'object_missing',
  'object_corrupt',
  'object_truncated',
  'metadata_missing',
  'metadata_wrong',
]);

/** Marks each problem as repaired, or says why it is not; gives the keys that were put again. */
export async function repairObjects(verdict: DayVerdict, tools: RepairTools): Promise<Set<string>> {
  const done = new Set<string>();
  for (const problem of verdict.problems) {
    if (!FROM_COPY.has(problem.code)) continue;
    tools.signal.throwIfAborted();
    const failure = await repairObject(problem, verdict, tools).catch((error: unknown) => {
      tools.signal.throwIfAborted();
      return errorText(error);
    });
    if (failure === undefined) {
      problem.repaired = true;
      done.add(problem.key);
    } else problem.unrepaired = failure;
  }
  return done;
}

/** Undefined where it lies there again as it should; else why not. */
async function repairObject(
  { code, key }: Problem,
  { manifest, objects }: DayVerdict,
  { store, local, localProblem, instance, signal }: RepairTools,
): Promise<string | undefined> {
  if (!local) return localProblem;
  const entry = manifest.found?.manifest.objects.find((object) => object.key === key);
  const { head, inspection } = objects.find(({ segment }) => segment.key === key)?.evidence ?? {};
  const described = head?.description;
  // Of metadata that is wrong the bytes themselves are the witness: they are intact.
  const isIntact = code === 'metadata_missing' || code === 'metadata_wrong';
  const digest = isIntact ? inspection?.objectSha256 : (entry?.object_sha256 ?? described?.objectSha256);
  if (isIntact && digest === undefined) return 'that takes reading it: without --quick';
  const origin = {
    formatVersion: described?.formatVersion ?? RECORD_FORMAT_VERSION,
    instance: described?.instance ?? entry?.instance ?? instance,
  };
  const copy = await local.find(key, digest, origin, signal);
  if (!copy)
    return digest === undefined
      ? 'no copy is left in data_dir'
      : 'no copy with the right bytes is left in data_dir';
  if (code !== 'object_missing') await store.overwrite(key, copy, signal);
  else if ((await store.put(key, copy, signal)) === 'conflict')
    return 'something else came to lie there meanwhile';
  return (await isThere(store, key, copy, signal)) ? undefined : 'it was put again, and reads back otherwise';
}

/** Read back, not only asked for: what is repaired was wrong once. */
async function isThere(
  store: ObjectStore,
  key: string,
  { description }: ObjectBody,
  signal: AbortSignal,
): Promise<boolean> {
  const { body, description: there } = await store.open(key, signal);
  const hash = createHash('sha256');
  for await (const chunk of body) hash.update(chunk);
  return hash.digest('hex') === description.objectSha256 && there?.objectSha256 === description.objectSha256;
}

export interface ManifestWrites {
  /** Days that are over get one, and what they list grows by what came. */
  add: boolean;
  /** Also what changed is written down as it is. */
  renew: boolean;
  /** And what is missing is written off. */
  acceptLoss: boolean;
}

/** Writes the next generation where one is due; marks the problems that it ends. Undefined where none was written. */
export async function writeManifestOf(
  { day, isFinished, manifest, difference, objects, problems }: DayVerdict,
  writes: ManifestWrites,
  repaired: ReadonlySet<string>,
  { store, instance, now, signal }: RepairTools,
): Promise<WrittenManifest | undefined> {
  const { missing = [], unlisted = [], changed = [], hasOtherGaps = false } = difference ?? {};
  const lost = missing.filter(({ key }) => !repaired.has(key)).map(({ key }) => key);
  const isNew = isFinished && (!manifest.found || unlisted.length > 0);
  const isOther = changed.length > 0 || hasOtherGaps || manifest.unreadable.length > 0;
  const isDue =
    (writes.add && isNew) ||
    (writes.renew && (isOther || (difference && isNew))) ||
    (writes.acceptLoss && lost.length > 0);
  if (!isDue) return undefined;
  const facts = new Map(objects.map(factsOf).filter((entry) => entry !== undefined));
  // Gaps come anew of all objects that are intact.
  const renewed = writes.renew ? [...changed, ...(hasOtherGaps ? facts.keys() : [])] : [];
  const written = await writeManifest(
    {
      ...{ ...day.day, store, by: instance, now },
      renewed: new Set(renewed),
      without: new Set(writes.acceptLoss ? lost : []),
      known: (key, linesSha256) => {
        const known = facts.get(key);
        return known?.object.lines_sha256 === linesSha256 ? known : undefined;
      },
    },
    signal,
  );
  for (const problem of problems) {
    const { code, key } = problem;
    const isEnded =
      code === 'manifest_corrupt' ||
      (code === 'manifest_stale' && (writes.renew || !isOther)) ||
      (code === 'object_missing' && writes.acceptLoss && lost.includes(key));
    if (!isEnded) continue;
    problem.repaired = true;
    problem.unrepaired = undefined;
  }
  return written;
}

function factsOf({
  segment: { key },
  isIntact,
  evidence,
}: CheckedObject): [string, SegmentFacts] | undefined {
  const { inspection, head } = evidence;
  if (!isIntact || !inspection) return undefined;
  const described = {
    ...inspection,
    formatVersion: RECORD_FORMAT_VERSION,
    instance: head.description?.instance ?? '',
  };
  return [key, { object: manifestObject(key, described), gaps: inspection.gaps }];
}
