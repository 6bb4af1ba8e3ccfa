/** A day that was compacted before: by this command, by a run that died before it had removed everything, by another machine. */
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import type { StoredDay } from '../../storage/day-sources.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import type { CompactTools, MadeDay, MergedSource } from './compact-tools.ts';
import { tellersOf } from './make-day.ts';
import { demandStored } from './stored-day.ts';

/** Requests at the same time. */
const LOOKS_AT_ONCE = 8;

/**
 * The day object that stands for everything else that lies there, verified; undefined where there is none. Throws
 * `object_corrupt` where it is damaged and something is left to be removed.
 */
export async function madeBefore(stored: StoredDay, tools: CompactTools): Promise<MadeDay | undefined> {
  const segments = [...stored.objects, ...stored.segments];
  for (const object of stored.objects.toReversed()) {
    const others = segments.filter(({ key }) => key !== object.key);
    const sources = await mergedSources(stored, object, others, tools);
    if (!sources) continue;
    const head = await tools.store.head(object.key, tools.signal);
    if (!head?.description || head.description.objectBytes !== head.bytes) continue;
    if (others.length > 0) await demandStored(object.key, head.description.linesSha256, tools);
    return {
      object,
      description: head.description,
      isNew: false,
      sources,
      tellers: tellersOf(stored, object.key),
      ...{ hasForgotten: false, gaps: undefined, duplicates: 0, unreadable: 0 },
      bytesBefore: segments.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }
  return undefined;
}

/** Undefined where not all of them are what the day object stands for. */
async function mergedSources(
  stored: StoredDay,
  object: StoredSegment,
  others: readonly StoredSegment[],
  { store, signal }: CompactTools,
): Promise<MergedSource[] | undefined> {
  const told = stored.told.filter(({ key }) => key === object.key);
  const digests = Map.groupBy(
    told.flatMap(({ sources, covered }) => [...sources, ...covered]),
    ({ key }) => key,
  );
  if (others.some(({ key }) => !digests.has(key))) return undefined;
  const merged: MergedSource[] = [];
  await forEachConcurrently(others, LOOKS_AT_ONCE, async (segment) => {
    const head = await store.head(segment.key, signal);
    const linesSha256 = head?.description?.linesSha256;
    const isWhole = head && head.description?.objectBytes === head.bytes;
    if (isWhole && digests.get(segment.key)!.some(({ lines_sha256 }) => lines_sha256 === linesSha256))
      merged.push({ segment, linesSha256: linesSha256!, objectSha256: head.description!.objectSha256 });
  });
  return merged.length === others.length ? merged : undefined;
}
