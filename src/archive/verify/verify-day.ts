/** One platform's day: its objects looked at, its manifest read, and what they say put together. */
import { errorText } from '../../lib/errors.ts';
import type { ObjectHead, ObjectStore } from '../../storage/object-store.ts';
import { type StoredSegment, storedSegment } from '../../storage/read-segment.ts';
import { isDayObject, segmentSpan } from '../../storage/segment-span.ts';
import type { ArchiveDay } from '../archive-days.ts';
import type { ManifestGap, ManifestObject } from '../manifest/manifest.ts';
import { dayPrefix, parseManifestKey } from '../manifest/manifest-key.ts';
import type { ManifestSearch } from '../manifest/read-manifest.ts';
import { readManifest } from '../manifest/read-manifest.ts';
import { listPatiently, patiently } from '../patiently.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';
import {
  type CheckedObject,
  compactionNotices,
  doubledProblems,
  type ManifestDifference,
  manifestDifference,
  manifestProblems,
} from './check-day.ts';
import { checkObject } from './check-object.ts';
import type { HourLines } from './inspect-lines.ts';
import type { Inspection } from './inspect-object.ts';
import { inspectStored } from './inspector.ts';
import type { Notice, Problem } from './problem.ts';

export interface DayTools {
  store: ObjectStore;
  /** Undefined where bodies are not read. */
  pool: WorkerPool | undefined;
  /** Runs the work when it may: so many objects are looked at at a time. */
  inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  isSelected: (segment: StoredSegment) => boolean;
  onObject: (segment: StoredSegment) => void;
  nowMs: number;
  signal: AbortSignal;
}

export interface DayVerdict {
  day: ArchiveDay;
  /** No object is to be expected any more. */
  isFinished: boolean;
  manifest: ManifestSearch;
  difference: ManifestDifference | undefined;
  objects: CheckedObject[];
  problems: Problem[];
  notices: Notice[];
  /** Undefined where nobody knows: bodies were not read, and there is no manifest. */
  gaps: ManifestGap[] | undefined;
  /** By channel. */
  hours: Map<string, HourLines[]>;
}

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Backfill and late uploads have come by then. */
export const FINISHED_AFTER_MS = 2 * HOUR_MS;
const ATTEMPTS_MAX = 3;

/** @param listed as it was listed; what has gone since then is listed again: somebody may compact or expire meanwhile */
export async function verifyDay(listed: ArchiveDay, tools: DayTools): Promise<DayVerdict> {
  for (let day = listed, attempt = 1; ; attempt++) {
    const verdict = await verifyListed(day, tools, attempt === 1);
    if (verdict !== 'changed') return verdict;
    if (attempt < ATTEMPTS_MAX) day = await listAgain(day, tools);
    else day = { ...day, segments: day.segments.filter(({ key }) => day.keys.has(key)) };
  }
}

async function verifyListed(
  day: ArchiveDay,
  tools: DayTools,
  isFirst: boolean,
): Promise<DayVerdict | 'changed'> {
  const { store, isSelected, nowMs, signal } = tools;
  const manifest = await readManifest(store, day.day, day.manifests, signal);
  const entries = new Map(manifest.found?.manifest.objects.map((entry) => [entry.key, entry]));
  const objects: CheckedObject[] = [];
  const unreadable: Problem[] = [];
  const gone: string[] = [];
  await Promise.all(
    day.segments.map((segment) =>
      tools.inTurn(async () => {
        const object = await lookAt(segment, entries.get(segment.key), tools);
        if (isFirst) tools.onObject(segment);
        if (object === undefined) gone.push(segment.key);
        else if ('code' in object) unreadable.push(object);
        else objects.push(object);
      }),
    ),
  );
  if (gone.length > 0) {
    for (const key of gone) day.keys.delete(key);
    return 'changed';
  }
  objects.sort((a, b) => (a.segment.key < b.segment.key ? -1 : 1));
  const isWhole =
    tools.pool !== undefined && objects.length === day.keys.size && objects.every(({ isIntact }) => isIntact);
  const read = tools.pool ? objects.flatMap(({ evidence }) => evidence.inspection?.gaps ?? []) : undefined;
  const isFinished = nowMs >= day.day.dayMs + DAY_MS + FINISHED_AFTER_MS;
  const { found } = manifest;
  const difference =
    found &&
    manifestDifference({
      day,
      objects,
      manifest: found.manifest,
      isSelected,
      gaps: isWhole ? read : undefined,
    });
  const problems: Problem[] = [
    ...manifest.unreadable.map(
      ({ key, reason }): Problem => ({ code: 'manifest_corrupt', key, message: reason }),
    ),
    ...unreadable,
    ...objects.flatMap((object) => object.problems),
    ...doubledProblems(objects),
    ...(found && difference ? manifestProblems(found, difference, isFinished) : []),
  ];
  return {
    ...{ day, isFinished, manifest, difference, objects, problems },
    notices: [...objects.flatMap(({ notices }) => notices), ...compactionNotices(day.segments)],
    gaps: read ?? found?.manifest.gaps,
    hours: hoursOf(objects, difference, unreadable),
  };
}

/** Undefined where it is gone, a problem where nobody gives it out. */
async function lookAt(
  segment: StoredSegment,
  entry: ManifestObject | undefined,
  { store, pool, signal }: DayTools,
): Promise<CheckedObject | Problem | undefined> {
  signal.throwIfAborted();
  const checked = (head: ObjectHead, inspection: Inspection | undefined): CheckedObject => {
    const evidence = { segment, head, entry, inspection };
    return { ...checkObject(evidence), segment, evidence };
  };
  try {
    if (!pool) {
      const head = await patiently(() => store.head(segment.key, signal), signal);
      return head && checked(head, undefined);
    }
    const inspected = await inspectStored(
      { store, pool },
      segment,
      ({ head, inspection }) => checked(head, inspection).isIntact,
      signal,
    );
    return inspected && checked(inspected.head, inspected.inspection);
  } catch (error) {
    signal.throwIfAborted();
    return { code: 'object_unreadable', key: segment.key, message: errorText(error) };
  }
}

async function listAgain(before: ArchiveDay, { store, isSelected, signal }: DayTools): Promise<ArchiveDay> {
  const day: ArchiveDay = { ...before, segments: [], keys: new Set(), manifests: [] };
  for await (const { key, bytes } of listPatiently(store, dayPrefix(before.day), signal)) {
    const segment = storedSegment(key, bytes);
    const generation = parseManifestKey(key)?.generation;
    if (generation !== undefined) day.manifests.push(generation);
    if (!segment) continue;
    day.keys.add(key);
    if (isSelected(segment)) day.segments.push(segment);
  }
  return day;
}

/**
 * Which hours have objects, or should have: what is missing or damaged is no hole. Of a day object whose lines nobody read
 * each hour counts.
 */
function hoursOf(
  objects: readonly CheckedObject[],
  { missing = [] }: Partial<ManifestDifference> = {},
  unreadable: readonly Problem[],
): Map<string, HourLines[]> {
  const byChannel = new Map<string, Map<number, HourLines>>();
  const add = (channel: string, recorded: readonly HourLines[]) => {
    const hours = byChannel.get(channel) ?? new Map<number, HourLines>();
    byChannel.set(channel, hours);
    for (const hour of recorded) {
      const other = hours.get(hour.hourMs);
      hours.set(hour.hourMs, other ? joined(hour, other) : hour);
    }
  };
  for (const { segment, evidence, isIntact } of objects) {
    const { hours = [] } = (isIntact && evidence.inspection) || {};
    const { lines, firstTimestamp, lastTimestamp } = evidence.head.description ?? {};
    add(
      segment.channel,
      hours.length > 0 ? hours : hoursByName(segment, lines, firstTimestamp, lastTimestamp),
    );
  }
  for (const { key, lines, first, last } of missing) {
    const segment = storedSegment(key, 0);
    if (segment) add(segment.channel, hoursByName(segment, lines, first, last));
  }
  for (const { key } of unreadable) {
    const segment = storedSegment(key, 0);
    if (segment) add(segment.channel, hoursByName(segment));
  }
  return new Map(
    [...byChannel].map(([channel, hours]) => [
      channel,
      [...hours.values()].toSorted((a, b) => a.hourMs - b.hourMs),
    ]),
  );
}

function hoursByName(segment: StoredSegment, lines = 0, first = '', last = ''): HourLines[] {
  const { fromMs, toMs } = segmentSpan(segment);
  if (isDayObject(segment))
    return Array.from({ length: 24 }, (_, hour) => silentHour(fromMs + hour * HOUR_MS));
  if (first === '') return [silentHour(fromMs)];
  const clamp = (text: string) => Math.min(toMs - 1, Math.max(fromMs, Date.parse(text)));
  return [{ hourMs: fromMs, lines, firstMs: clamp(first), lastMs: clamp(last) }];
}

function silentHour(hourMs: number): HourLines {
  return { hourMs, lines: 0, firstMs: hourMs, lastMs: hourMs };
}

function joined(a: HourLines, b: HourLines): HourLines {
  return {
    hourMs: a.hourMs,
    lines: a.lines + b.lines,
    firstMs: Math.min(a.firstMs, b.firstMs),
    lastMs: Math.max(a.lastMs, b.lastMs),
  };
}
