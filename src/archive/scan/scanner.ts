/**
 * Reads segments: objects are fetched here, some at a time, and given to threads, which give back their lines in order.
 * What was wrong with which object, and what there was besides lines, comes together in {@link Scanner.findings}.
 */
import { Turns } from '../../lib/turns.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import type { TimeSpan } from '../../storage/segment-span.ts';
import type { LineSource } from '../merge/line-source.ts';
import type { SearchQuery } from '../search/search-query.ts';
import type { Selection } from '../selection.ts';
import type { DamagedObject, FoundGap, ScanReport } from './scan-request.ts';
import { SegmentSource } from './segment-source.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface ScannerOptions {
  store: Pick<ObjectStore, 'open'>;
  pool: WorkerPool;
  selection: Selection;
  /** Only lines that match; all when left out. */
  search?: SearchQuery;
  /** Of these segments hits are counted, not given. */
  isCounted?: (segment: StoredSegment) => boolean;
  signal: AbortSignal;
  /** An object that is damaged or went away ends the scan: `object_damaged`, `object_missing`. */
  isStrict?: boolean;
  /** Lines that a thread holds in memory, about; its own choice when left out. */
  heldBytes?: number;
  /** So many stored bytes of an object have come. */
  onFetched?: (bytes: number) => void;
  /** An object has come to its end, or went away. */
  onObject?: () => void;
}

export interface Findings {
  /** Lines that were read, wanted or not, and their bytes. */
  lines: number;
  linesBytes: number;
  unreadable: number;
  misplaced: number;
  /** Lines left out because another one is the same event. */
  duplicates: number;
  /** Of all channels and instances, each once; at most {@link GAPS_MAX}. */
  gaps: FoundGap[];
  damaged: DamagedObject[];
  /** Listed, and gone when they were to be read. */
  missing: string[];
  /** Hits that were counted and not given, by channel: `twitch/xqc`. */
  counts: Map<string, number>;
}

/** Objects that are fetched at the same time: small ones take no memory, and each waits for the storage to answer. */
const FETCHES_MAX = 32;
const LARGE_FETCHES_MAX = 8;
const LARGE_BYTES = 512 * 1024;
export const GAPS_MAX = 10_000;

export class Scanner {
  readonly findings: Findings = {
    ...{ lines: 0, linesBytes: 0, unreadable: 0, misplaced: 0, duplicates: 0 },
    ...{ gaps: [], damaged: [], missing: [], counts: new Map() },
  };
  readonly options: ScannerOptions;
  readonly #fetches = new Turns(FETCHES_MAX - LARGE_FETCHES_MAX, Number.POSITIVE_INFINITY);
  readonly #largeFetches = new Turns(LARGE_FETCHES_MAX, Number.POSITIVE_INFINITY);
  readonly #gaps = new Set<string>();

  constructor(options: ScannerOptions) {
    this.options = options;
  }

  /**
   * Begins at once.
   * @param segments of some hours, or one day object
   * @param span in which their lines are put; the one that each segment's name says when left out
   */
  open(segments: readonly StoredSegment[], span?: TimeSpan): LineSource {
    return new SegmentSource(this, segments, span);
  }

  /** Waits for its turn to fetch so many bytes. */
  async fetching<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const turns = bytes > LARGE_BYTES ? this.#largeFetches : this.#fetches;
    const give = await turns.take(this.options.signal);
    try {
      return await work();
    } finally {
      give?.();
    }
  }

  addReport(report: ScanReport): void {
    const { findings } = this;
    findings.lines += report.lines;
    findings.linesBytes += report.linesBytes;
    findings.unreadable += report.unreadable;
    findings.misplaced += report.misplaced;
    findings.duplicates += report.duplicates;
    findings.damaged.push(...report.damaged);
    for (const [channel, count] of Object.entries(report.counts))
      findings.counts.set(channel, (findings.counts.get(channel) ?? 0) + count);
    for (const gap of report.gaps) {
      const name = `${gap.platform} ${gap.channel} ${gap.timestamp} ${gap.until}`;
      if (this.#gaps.has(name) || this.#gaps.size >= GAPS_MAX) continue;
      this.#gaps.add(name);
      findings.gaps.push(gap);
    }
  }
}
