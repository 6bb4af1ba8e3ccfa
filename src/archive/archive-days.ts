/** A listing of the archive, put together by platform and day, with everything that lies there. */
import { decodeName } from '../segment-name.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { StoredSegment } from '../storage/read-segment.ts';
import { type KeyKind, keyClassifier } from './known-keys.ts';
import { dayPrefix, dayText, type PlatformDay, platformDayOf } from './manifest/manifest-key.ts';
import { listPatiently } from './patiently.ts';
import { type Selection, segmentMatcher } from './selection.ts';

export interface ArchiveDay {
  /** `2026/11/21/twitch/` */
  prefix: string;
  day: PlatformDay;
  /** Those of the selection, in the order of their keys. */
  segments: StoredSegment[];
  /** Of all objects of the day, selected or not. */
  keys: Set<string>;
  manifests: number[];
}

/** What lies in the archive and is no segment. */
export interface OtherObject {
  key: string;
  bytes: number;
  kind: Exclude<KeyKind['kind'], 'segment'>;
  /** Of a segment's file that lies elsewhere than it is looked for: where it should. */
  ownKey: string | undefined;
}

export interface ListOptions {
  store: ObjectStore;
  selection: Selection;
  exportPrefixes: readonly string[];
  /** Told where the selection names no channel, nor another platform. */
  onOther: (other: OtherObject) => void;
  signal: AbortSignal;
}

const DAY_MS = 86_400_000;
/** With more days than this, the whole listing is cheaper than one for each day. */
const DAY_LISTINGS_MAX = 400;
const DAY_PATH = /^\d{4}\/\d\d\/\d\d\/([^/]+)\//;

/** In the order of keys, which is that of days. Memory: the keys of one platform's day. */
export async function* archiveDays(options: ListOptions): AsyncGenerator<ArchiveDay> {
  const { store, selection, onOther, signal } = options;
  const classify = keyClassifier(options.exportPrefixes);
  const isWanted = segmentMatcher(selection);
  const isPart = selection.channels.length > 0;
  let current: ArchiveDay | undefined;
  const dayOf = (day: PlatformDay): ArchiveDay => {
    const prefix = dayPrefix(day);
    if (current?.prefix === prefix) return current;
    return { prefix, day, segments: [], keys: new Set(), manifests: [] };
  };
  for (const prefix of listedPrefixes(selection)) {
    for await (const { key, bytes } of listPatiently(store, prefix, signal)) {
      const kind = classify(key, bytes);
      if (kind.kind !== 'segment' && !isPart && isOfPlatforms(key, selection))
        onOther({ key, bytes, kind: kind.kind, ownKey: kind.kind === 'misplaced' ? kind.ownKey : undefined });
      if (kind.kind !== 'segment' && kind.kind !== 'manifest') continue;
      const day = dayOf(kind.kind === 'manifest' ? kind.day : platformDayOf(kind.segment));
      if (current && day !== current && isOfSelection(current, selection)) yield current;
      current = day;
      if (kind.kind === 'manifest') day.manifests.push(kind.generation);
      else {
        day.keys.add(key);
        if (isWanted(kind.segment)) day.segments.push(kind.segment);
      }
    }
  }
  if (current && isOfSelection(current, selection)) yield current;
}

function isOfPlatforms(key: string, { platforms }: Selection): boolean {
  if (platforms.length === 0) return true;
  const platform = DAY_PATH.exec(key)?.[1];
  return platform !== undefined && platforms.includes(decodeName(platform) ?? platform);
}

/** A day without segments of the selection still has a manifest, which may say that there should be some. */
function isOfSelection({ day, segments }: ArchiveDay, { platforms, fromMs, toMs }: Selection): boolean {
  if (segments.length > 0) return true;
  if (platforms.length > 0 && !platforms.includes(decodeName(day.platform) ?? day.platform)) return false;
  return day.dayMs + DAY_MS > (fromMs ?? 0) && day.dayMs < (toMs ?? Number.POSITIVE_INFINITY);
}

function* listedPrefixes({ fromMs, toMs = Date.now() + DAY_MS }: Selection): Generator<string> {
  if (fromMs === undefined || (toMs - fromMs) / DAY_MS > DAY_LISTINGS_MAX) {
    yield '';
    return;
  }
  for (let dayMs = Math.floor(fromMs / DAY_MS) * DAY_MS; dayMs < toMs; dayMs += DAY_MS)
    yield `${dayText(dayMs).replaceAll('-', '/')}/`;
}
