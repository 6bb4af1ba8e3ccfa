/** What is asked of a thread that scans segments, and what it says of them besides their lines: plain data. */
import type { TimeSpan } from '../../storage/segment-span.ts';
import type { ManifestGap } from '../manifest/manifest.ts';
import type { SearchQuery } from '../search/search-query.ts';
import type { Selection } from '../selection.ts';

/** Which lines are wanted; channels and platforms were decided by the segments' names. */
export interface LineRequest extends Pick<Selection, 'fromMs' | 'toMs' | 'users'> {
  /** Only lines that match; all when left out. */
  search?: SearchQuery | undefined;
}

export interface ScannedSegment {
  key: string;
  /** As in the lines; encoded where that is all there is of it. */
  platform: string;
  channel: string;
  /** In which its lines lie by its name. */
  span: TimeSpan;
  /** Its hits are counted, not given. */
  isCounted?: boolean;
}

export interface ScanReport {
  /** All that were read, wanted or not, and their bytes. */
  lines: number;
  linesBytes: number;
  /** Lines that are no JSON, or tell no time: they follow the line before them. */
  unreadable: number;
  /** Lines left out because another one of the same hour is the same event. */
  duplicates: number;
  /** Lines of another time than their segment's: they are put at its beginning or end. */
  misplaced: number;
  /** Within the range asked for; of every instance. */
  gaps: FoundGap[];
  /** Objects of which something is wrong, with what. */
  damaged: DamagedObject[];
  /** Hits that were counted and not given, by channel: `twitch/xqc`. */
  counts: Record<string, number>;
}

export type FoundGap = ManifestGap & { platform: string };

export interface DamagedObject {
  key: string;
  reason: string;
}

export function emptyReport(): ScanReport {
  const none = { lines: 0, linesBytes: 0, unreadable: 0, duplicates: 0, misplaced: 0 };
  return { ...none, gaps: [], damaged: [], counts: {} };
}
