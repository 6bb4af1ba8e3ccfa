/**
 * Verifies an archive: every object against its own metadata and its day's manifest, day after day. Memory is bounded by the
 * objects of a platform's day, and by the problems that are kept to be told.
 */

import { ChatlogError } from '../../lib/errors.ts';
import { Turns } from '../../lib/turns.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { type StoredSegment, storedSegment } from '../../storage/read-segment.ts';
import { isDayObject } from '../../storage/segment-span.ts';
import { type ArchiveDay, archiveDays, type OtherObject } from '../archive-days.ts';
import { dayPrefix, dayText, platformDayOf } from '../manifest/manifest-key.ts';
import { patiently } from '../patiently.ts';
import { WorkerPool } from '../scan/worker-pool.ts';
import { type Selection, segmentMatcher } from '../selection.ts';
import { HoleFinder, holeText } from './holes.ts';
import type { LocalCopies } from './local-copies.ts';
import type { Notice, Problem, ProblemCode } from './problem.ts';
import { type ManifestWrites, type RepairTools, repairObjects, writeManifestOf } from './repair-day.ts';
import { type DayTools, type DayVerdict, verifyDay } from './verify-day.ts';

export interface VerifyOptions {
  store: ObjectStore;
  selection: Selection;
  exportPrefixes: readonly string[];
  /** Listing, metadata and manifests alone. */
  isQuick: boolean;
  /** From local copies. */
  repairs: boolean;
  writes: ManifestWrites;
  local: LocalCopies | undefined;
  localProblem: string;
  instance: string;
  now: () => number;
  onObject: (bytes: number) => void;
  signal: AbortSignal;
}

export interface VerifyReport {
  objects: number;
  bytes: number;
  lines: number;
  /** Days of a platform. */
  days: number;
  manifests: { read: number; written: number /** Finished days that have none. */; lacking: number };
  /** The first ten thousand. */
  problems: Problem[];
  /** By code, those that were repaired aside. */
  problemCounts: Partial<Record<ProblemCode, number>>;
  repaired: number;
  notices: Notice[];
  noticesTotal: number;
  gaps: { count: number; seconds: number; filled: number };
  /** Until which day everything was looked at; undefined before the first. */
  doneThrough: string | undefined;
  /** False where it was stopped. */
  complete: boolean;
}

const OBJECTS_AT_ONCE = 8;
const HEADS_AT_ONCE = 16;
/** Days begun, so that small ones do not wait for each other. */
const DAYS_AHEAD = 32;
const OBJECTS_AHEAD = 2_000;
const KEPT_MAX = 10_000;
/** So many objects in a row that the storage does not give out: it is the storage. */
const UNREADABLE_IN_A_ROW_MAX = 20;

/** Ends early when the signal aborts, with what was found until then. Throws what the listing throws. */
export async function verifyArchive(options: VerifyOptions): Promise<VerifyReport> {
  await using pool = options.isQuick ? undefined : new WorkerPool();
  return await new Verification(options, pool).run();
}

class Verification {
  readonly #options: VerifyOptions;
  readonly #tools: DayTools;
  readonly #holes = new HoleFinder();
  readonly #local = new Map<string, string[]>();
  #unreadableInARow = 0;
  readonly #report: VerifyReport = {
    ...{ objects: 0, bytes: 0, lines: 0, days: 0, manifests: { read: 0, written: 0, lacking: 0 } },
    ...{ problems: [], problemCounts: {}, repaired: 0, notices: [], noticesTotal: 0 },
    ...{ gaps: { count: 0, seconds: 0, filled: 0 }, doneThrough: undefined, complete: false },
  };

  constructor(options: VerifyOptions, pool: WorkerPool | undefined) {
    const { store, selection, now, signal, isQuick } = options;
    const turns = new Turns(isQuick ? HEADS_AT_ONCE : OBJECTS_AT_ONCE, Number.POSITIVE_INFINITY);
    this.#options = options;
    this.#tools = {
      ...{ store, pool, signal, nowMs: now(), isSelected: segmentMatcher(selection) },
      inTurn: async (work) => {
        const giveBack = await turns.take(signal);
        try {
          return await work();
        } finally {
          giveBack?.();
        }
      },
      onObject: ({ bytes }) => options.onObject(bytes),
    };
  }

  async run(): Promise<VerifyReport> {
    const { signal } = this.#options;
    try {
      await this.#noteLocalKeys();
      await this.#verifyDays();
      await this.#verifyLocalDays();
      this.#report.complete = true;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return this.#report;
  }

  async #verifyDays(): Promise<void> {
    const { store, selection, exportPrefixes, signal } = this.#options;
    const begun: { verdict: Promise<DayVerdict>; objects: number }[] = [];
    let objects = 0;
    const endFirst = async () => {
      const first = begun.shift()!;
      objects -= first.objects;
      await this.#take(await first.verdict);
    };
    const onOther = ({ key, kind, ownKey }: OtherObject) => {
      if (kind === 'foreign')
        this.#note({ code: 'foreign_file', key, message: 'it is nothing that Chatlog writes' });
      if (kind === 'misplaced')
        this.#note({ code: 'wrong_hour', key, message: `by its name it belongs under ${ownKey}` });
    };
    for await (const day of archiveDays({ store, selection, exportPrefixes, onOther, signal })) {
      const verdict = verifyDay(day, this.#tools);
      verdict.catch(() => {});
      begun.push({ verdict, objects: day.segments.length });
      objects += day.segments.length;
      while (begun.length > DAYS_AHEAD || objects > OBJECTS_AHEAD) await endFirst();
    }
    while (begun.length > 0) await endFirst();
  }

  async #take(verdict: DayVerdict): Promise<void> {
    const { repairs, writes } = this.#options;
    const { day, objects, problems } = verdict;
    problems.push(...(await this.#localProblems(verdict)));
    this.#demandStorage(problems, objects.length);
    const repaired = repairs ? await repairObjects(verdict, this.#repairTools) : new Set<string>();
    const written = await writeManifestOf(verdict, writes, repaired, this.#repairTools);
    const report = this.#report;
    report.days++;
    if (verdict.manifest.found) report.manifests.read++;
    if (written?.isNew) report.manifests.written++;
    if (!verdict.manifest.found && !written && verdict.isFinished && day.keys.size > 0)
      report.manifests.lacking++;
    for (const { segment, evidence } of objects) {
      report.objects++;
      report.bytes += segment.bytes;
      report.lines += evidence.inspection?.lines ?? evidence.head.description?.lines ?? 0;
    }
    for (const problem of problems) this.#note(problem);
    for (const notice of verdict.notices) this.#notice(notice);
    this.#addGaps(verdict);
    report.doneThrough = dayText(day.day.dayMs);
  }

  #addGaps({ day, gaps, hours }: DayVerdict): void {
    const { fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY } = this.#options.selection;
    const channels = new Set(day.segments.map(({ channel }) => channel));
    const { platform } = day.day;
    const texts = new Map((gaps ?? []).map((gap) => [JSON.stringify(gap), gap]));
    for (const { timestamp, until, filled } of texts.values()) {
      const seconds = (Math.min(Date.parse(until), toMs) - Math.max(Date.parse(timestamp), fromMs)) / 1000;
      if (!(seconds > 0)) continue;
      this.#report.gaps.count++;
      this.#report.gaps.seconds += seconds;
      this.#report.gaps.filled += filled;
    }
    // Where nobody knows the gaps, nobody can tell a hole either.
    if (gaps === undefined || channels.size === 0) return;
    for (const hole of this.#holes.add({ platform, hours, gaps }))
      this.#notice({
        code: 'hole',
        subject: hole.subject,
        message: `nothing recorded ${holeText(hole)}, no gap noted`,
      });
  }

  #note(problem: Problem): void {
    const report = this.#report;
    if (report.problems.length < KEPT_MAX) report.problems.push(problem);
    if (problem.repaired) report.repaired++;
    else report.problemCounts[problem.code] = (report.problemCounts[problem.code] ?? 0) + 1;
  }

  #notice(notice: Notice): void {
    this.#report.noticesTotal++;
    if (this.#report.notices.length < KEPT_MAX) this.#report.notices.push(notice);
  }

  #demandStorage(problems: readonly Problem[], readable: number): void {
    const unreadable = problems.filter(({ code }) => code === 'object_unreadable');
    this.#unreadableInARow = readable > 0 ? 0 : this.#unreadableInARow + unreadable.length;
    if (this.#unreadableInARow < UNREADABLE_IN_A_ROW_MAX) return;
    const { store } = this.#options;
    throw new ChatlogError(
      'storage_unusable',
      `${store.name} gives out no objects: ${unreadable.at(-1)?.message}`,
      {
        hint: 'Verify again when the storage answers: "chatlog check".',
      },
    );
  }

  get #repairTools(): RepairTools {
    const { store, local, localProblem, instance, now, signal } = this.#options;
    return { store, local, localProblem, instance, now, signal };
  }

  /** Segments that were verified in storage once and still lie on the disk: they have to be there. */
  async #noteLocalKeys(): Promise<void> {
    for (const key of (await this.#options.local?.uploadedKeys()) ?? []) {
      const segment = storedSegment(key, 0);
      if (!segment || !this.#tools.isSelected(segment)) continue;
      const prefix = dayPrefix(platformDayOf(segment));
      const others = this.#local.get(prefix);
      if (others) others.push(key);
      else this.#local.set(prefix, [key]);
    }
  }

  /** A manifest says better what has to be there; so does a day object, which hours were made into. */
  async #localProblems({ day, manifest }: DayVerdict): Promise<Problem[]> {
    const keys = this.#local.get(day.prefix) ?? [];
    this.#local.delete(day.prefix);
    if (manifest.found) return [];
    const { store, signal } = this.#options;
    const compacted = new Set(day.segments.filter(isDayObject).map(({ channel }) => channel));
    const problems: Problem[] = [];
    for (const key of keys) {
      const { channel } = storedSegment(key, 0)!;
      if (day.keys.has(key) || compacted.has(channel)) continue;
      // Uploaded since the listing.
      if (await patiently(() => store.head(key, signal), signal)) continue;
      problems.push({
        code: 'object_missing',
        key,
        message: 'it was verified in storage once, and is not there',
      });
    }
    return problems;
  }

  /** Days of which nothing lies in storage any more. */
  async #verifyLocalDays(): Promise<void> {
    for (const [prefix, keys] of [...this.#local]) {
      const day: ArchiveDay = {
        ...{ prefix, day: platformDayOf(storedSegment(keys[0]!, 0)!) },
        ...{ segments: [], keys: new Set(), manifests: [] },
      };
      await this.#take(await verifyDay(day, this.#tools));
    }
  }
}

/** How much a selection is, for whoever shows progress. */
export async function countObjects(
  days: AsyncIterable<{ segments: readonly StoredSegment[] }>,
): Promise<{ objects: number; bytes: number }> {
  const total = { objects: 0, bytes: 0 };
  for await (const { segments } of days) {
    total.objects += segments.length;
    for (const { bytes } of segments) total.bytes += bytes;
  }
  return total;
}
