/** What compaction is done with, and what a day of it is. */
import type { Decision } from '../../privacy/decision.ts';
import type { SegmentName } from '../../segment-name.ts';
import type { ObjectStore, SegmentDescription } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import type { FoundGap } from '../scan/scan-request.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';

/** One channel's UTC day: names as in keys, the day's beginning in ms since the epoch. */
export type ChannelDay = Pick<SegmentName, 'platform' | 'channel' | 'startMs'>;

export interface CompactTools {
  store: ObjectStore;
  pool: WorkerPool;
  /** A directory of its own: as large as the largest channel day in storage, three times. */
  scratch: string;
  /** Of zstd, 1 to 22; the measured best compromise when left out. */
  level?: number | undefined;
  /** What people asked for, as it is known now; asked for again before anything is removed. */
  decisions(): Promise<readonly Decision[]>;
  /** A step begins. What waits or dies here leaves nothing that the next run does not take up. */
  onStep?(step: CompactStep, key: string): Promise<void> | void;
  /** So much of a day has been merged and compressed, which takes longest: in bytes as its sources are stored. */
  onMerged?(day: ChannelDay, bytes: number): void;
  signal: AbortSignal;
}

/** In their order. */
export const COMPACT_STEPS = [
  'copy',
  'read',
  'merge',
  'prove',
  'put',
  'read back',
  'forget',
  'tell',
  'parquet',
  'manifest',
  'remove',
  'removed',
] as const;
export type CompactStep = (typeof COMPACT_STEPS)[number];

/** A segment that a day object stands for, as it was when that was made sure of. */
export interface MergedSource {
  segment: StoredSegment;
  linesSha256: string;
  /** Of the object's bytes; undefined where its metadata has to do. */
  objectSha256: string | undefined;
}

/** A day object that is verified in storage. */
export interface MadeDay {
  object: StoredSegment;
  description: SegmentDescription;
  /** This run put it there. */
  isNew: boolean;
  /** What it stands for and may be removed. */
  sources: MergedSource[];
  /** Keys that tell of day objects among the sources, or of ones that are gone. */
  tellers: string[];
  /** Somebody was taken out of it who is in the segments: manifests may tell of them, too. */
  hasForgotten: boolean;
  /** Gap lines in it; undefined where it was not read, or is not as it was read. */
  gaps: FoundGap[] | undefined;
  /** Lines that were left out because another one is the same event. */
  duplicates: number;
  /** Lines that are no JSON, or tell no time. */
  unreadable: number;
  /** What lay there before, stored. */
  bytesBefore: number;
}
