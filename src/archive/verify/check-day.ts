/** What a day's objects say against its manifest and against each other. Pure. */

import { type StoredSegment, storedSegment } from '../../storage/read-segment.ts';
import { isDayObject } from '../../storage/segment-span.ts';
import type { ArchiveDay } from '../archive-days.ts';
import {
  type Manifest,
  type ManifestGap,
  type ManifestObject,
  makeManifest,
  manifestText,
} from '../manifest/manifest.ts';
import type { FoundManifest } from '../manifest/read-manifest.ts';
import type { ObjectEvidence, ObjectVerdict } from './check-object.ts';
import type { Notice, Problem } from './problem.ts';

export interface CheckedObject extends ObjectVerdict {
  segment: StoredSegment;
  evidence: ObjectEvidence;
}

/** What a manifest says otherwise than the storage. */
export interface ManifestDifference {
  /** In the manifest, not in storage. */
  missing: ManifestObject[];
  /** In storage, not in the manifest. */
  unlisted: string[];
  /** In both, intact, and not the same. */
  changed: string[];
  /** Its gaps are not those of the objects. */
  hasOtherGaps: boolean;
}

export interface DifferenceOptions {
  day: ArchiveDay;
  objects: readonly CheckedObject[];
  manifest: Manifest;
  isSelected: (segment: StoredSegment) => boolean;
  /** Undefined where not every object of the day was read. */
  gaps: readonly ManifestGap[] | undefined;
}

export function manifestDifference(options: DifferenceOptions): ManifestDifference {
  const { day, objects, manifest, isSelected, gaps } = options;
  const listed = new Map(manifest.objects.map((entry) => [entry.key, entry]));
  const missing = manifest.objects.filter(({ key, bytes }) => {
    const segment = storedSegment(key, bytes);
    return !day.keys.has(key) && segment !== undefined && isSelected(segment);
  });
  const unlisted = day.segments.flatMap(({ key }) => (listed.has(key) ? [] : key));
  const changed = objects.flatMap((object) => {
    const entry = listed.get(object.segment.key);
    return entry && isOther(object, entry) ? object.segment.key : [];
  });
  // Of other objects there are other gaps: that follows.
  const areSame = unlisted.length === 0 && manifest.objects.every(({ key }) => day.keys.has(key));
  const hasOtherGaps = areSame && gaps !== undefined && differ(day, gaps, manifest.gaps);
  return { missing, unlisted, changed, hasOtherGaps };
}

function isOther({ isIntact, differsFromManifest, evidence }: CheckedObject, entry: ManifestObject): boolean {
  if (!isIntact) return false;
  const { inspection } = evidence;
  if (differsFromManifest || !inspection) return differsFromManifest;
  const { lines, linesBytes, linesSha256, firstTimestamp, lastTimestamp, objectBytes } = inspection;
  return (
    [entry.lines, entry.lines_bytes, entry.lines_sha256, entry.first, entry.last, entry.bytes].join() !==
    [lines, linesBytes, linesSha256, firstTimestamp, lastTimestamp, objectBytes].join()
  );
}

function differ({ day }: ArchiveDay, a: readonly ManifestGap[], b: readonly ManifestGap[]): boolean {
  const text = (gaps: readonly ManifestGap[]) =>
    manifestText(makeManifest(day, [], gaps, { by: '', writtenMs: 0 }));
  return text(a) !== text(b);
}

/** @param isFinished no more objects are to come: those that are not listed are then too many */
export function manifestProblems(
  { key }: FoundManifest,
  { missing, unlisted, changed, hasOtherGaps }: ManifestDifference,
  isFinished: boolean,
): Problem[] {
  const problems: Problem[] = missing.map((entry) => ({
    code: 'object_missing',
    key: entry.key,
    message: `the manifest lists it (${entry.lines} lines), and it is not there`,
  }));
  const stale: string[] = [];
  if (isFinished && unlisted.length > 0) stale.push(`${some(unlisted, 'object')} that it does not list`);
  if (changed.length > 0) stale.push(`${some(changed, 'object')} that it describes otherwise`);
  if (hasOtherGaps) stale.push('other gaps than those it lists');
  if (stale.length > 0)
    problems.push({ code: 'manifest_stale', key, message: `there are ${stale.join(', ')}` });
  return problems;
}

function some(keys: readonly string[], name: string): string {
  return keys.length === 1 ? `1 ${name} (${keys[0]})` : `${keys.length} ${name}s (${keys[0]}, ...)`;
}

/** Lines that lie under two keys of a channel. */
export function doubledProblems(objects: readonly CheckedObject[]): Problem[] {
  const first = new Map<string, string>();
  return objects.flatMap(({ segment: { key, channel }, isIntact, evidence }): Problem[] => {
    const { lines, linesSha256 } = evidence.inspection ?? evidence.head.description ?? {};
    if (!isIntact || !lines || linesSha256 === undefined) return [];
    const name = `${channel} ${linesSha256}`;
    const other = first.get(name);
    if (other === undefined) {
      first.set(name, key);
      return [];
    }
    return [{ code: 'object_doubled', key, message: `it holds the same lines (${lines}) as ${other}` }];
  });
}

/** Hours that lie beside a day object: of what came late, or of a compaction that was broken off. */
export function compactionNotices(segments: readonly StoredSegment[]): Notice[] {
  const byChannel = Map.groupBy(segments, ({ platform, channel }) => `${platform}/${channel}`);
  return [...byChannel].flatMap(([subject, ofChannel]): Notice[] => {
    const days = ofChannel.filter(isDayObject).length;
    const hours = ofChannel.length - days;
    if (days === 0 || ofChannel.length === 1) return [];
    const date = new Date(ofChannel[0]!.startMs).toISOString().slice(0, 10);
    const what =
      hours > 0 ? `${hours} objects of hours lie beside the day's` : `${days} objects of the whole day`;
    return [
      { code: 'not_compacted', subject, message: `${date}: ${what}; "chatlog compact" makes them one` },
    ];
  });
}
