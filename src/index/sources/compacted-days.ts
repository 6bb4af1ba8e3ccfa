/** What the index makes of day objects (`chatlog compact`): they hold what it may have read before, by the hour. */
import { channelDayPrefix, readStoredDay } from '../../storage/day-sources.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject } from '../../storage/segment-span.ts';
import type { Database } from '../database/database.ts';
import { dropObjects, knownContents, objectsOfDays } from './ledger.ts';

interface Places {
  database: Database;
  store: ObjectStore;
}

/** Whether it is a day object, all sources of which are in the index: then all its lines are, and it need not be read. */
export async function isMadeOfKnown(
  segment: StoredSegment,
  { database, store }: Places,
  signal: AbortSignal,
): Promise<boolean> {
  if (!isDayObject(segment)) return false;
  const { told } = await readStoredDay(store, segment, signal);
  const digests = told
    .filter(({ key }) => key === segment.key)
    .map(({ sources }) => sources.map((source) => source.lines_sha256));
  const known = await knownContents(database, digests.flat(), signal);
  return digests.some((sources) => sources.length > 0 && sources.every((digest) => known.has(digest)));
}

/** Takes out of the ledger what was merged into a day object that is in the index, and is gone from storage. */
export async function dropMerged(
  page: readonly StoredSegment[],
  { database, store }: Places,
  signal: AbortSignal,
): Promise<void> {
  const days = page.filter(isDayObject);
  if (days.length === 0) return;
  const there = new Set(page.map(({ key }) => key));
  const byDay = await objectsOfDays(database, days, signal);
  for (const segment of days) {
    const indexed = byDay.get(channelDayPrefix(segment)) ?? [];
    const absent = indexed.filter((key) => !there.has(key));
    if (absent.length === 0 || !indexed.includes(segment.key)) continue;
    const day = await readStoredDay(store, segment, signal);
    const merged = day.told.flatMap(({ key, sources, covered }) =>
      key === segment.key ? [...sources, ...covered].map((source) => source.key) : [],
    );
    const gone = new Set(merged);
    for (const { key } of [...day.objects, ...day.segments]) gone.delete(key);
    const dropped = absent.filter((key) => gone.has(key));
    if (dropped.length > 0) await dropObjects(database, dropped, signal);
  }
}
