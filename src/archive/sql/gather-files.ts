/**
 * Files for a query to read, made of the chosen segments:
 *
 * - where a segment alone has its hour (or day), its object as it is: in a directory archive where it lies, else fetched and
 *   checked;
 * - where several have, or somebody's wish has to be looked at, or the object is damaged: merged, each line once, without
 *   those who opted out.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { forEachConcurrently } from '../../lib/for-each-concurrently.ts';
import type { Decision } from '../../privacy/decision.ts';
import { decodeName } from '../../segment-name.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject, segmentSpan } from '../../storage/segment-span.ts';
import { fetchObject } from '../fetch-object.ts';
import { mergedLines } from '../merge/merged-lines.ts';
import { type Findings, Scanner } from '../scan/scanner.ts';
import { WorkerPool } from '../scan/worker-pool.ts';
import { type SelectedDay, type Selection, selectedDays } from '../selection.ts';

export interface GatherOptions {
  store: ObjectStore;
  selection: Selection;
  decisions: readonly Decision[];
  /** For what is made or fetched; the caller removes it. */
  scratch: string;
  /** Keeps what is fetched for the next time. */
  cache: string | undefined;
  onProgress(progress: GatherProgress): void;
  signal: AbortSignal;
}

export interface GatherProgress {
  doneObjects: number;
  totalObjects: number;
  doneBytes: number;
  totalBytes: number;
}

export interface GatheredFiles {
  /** Without glob characters. */
  files: string[];
  /** Objects, and of them those that were merged. */
  objects: number;
  merged: number;
  findings: Pick<Findings, 'damaged' | 'missing' | 'duplicates'>;
}

const FETCHES_MAX = 8;
/** One file is read by one thread. */
const MERGED_FILE_BYTES = 32 * 1024 * 1024;
const GLOB_CHARACTERS = /[*?[\]{}]/;

/** Throws what the storage says. */
export async function gatherFiles(options: GatherOptions): Promise<GatheredFiles> {
  const { store, selection, decisions, signal, onProgress } = options;
  const platforms = new Set(decisions.map(({ platform }) => platform));
  const days: SelectedDay[] = [];
  const single: StoredSegment[] = [];
  const progress: GatherProgress = { doneObjects: 0, totalObjects: 0, doneBytes: 0, totalBytes: 0 };
  for await (const { dayMs, segments } of selectedDays(store, selection, signal)) {
    const toMerge: StoredSegment[] = [];
    for (const group of groups(segments)) {
      const isAlone = group.length === 1 && !platforms.has(decodeName(group[0]!.platform) ?? '');
      (isAlone ? single : toMerge).push(...group);
    }
    if (toMerge.length > 0) days.push({ dayMs, segments: toMerge });
    progress.totalObjects += segments.length;
    progress.totalBytes += segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }
  const done = (objects: number, bytes: number) => {
    progress.doneObjects += objects;
    progress.doneBytes += bytes;
    onProgress(progress);
  };
  const result: GatheredFiles = {
    ...{ files: [], objects: progress.totalObjects, merged: 0 },
    findings: { damaged: [], missing: [], duplicates: 0 },
  };
  const place = await placesOf(options);
  await forEachConcurrently(single, FETCHES_MAX, async (segment) => {
    const file = await place(segment, signal);
    if (file !== undefined) result.files.push(file);
    else
      days.push({
        dayMs: segmentSpan(segment).fromMs - (segmentSpan(segment).fromMs % DAY_MS),
        segments: [segment],
      });
    if (file !== undefined) done(1, segment.bytes);
  });
  if (days.length > 0) {
    const merged = await mergeInto(options, sameDays(days), done);
    result.files.push(...merged.files);
    result.merged = days.reduce((sum, { segments }) => sum + segments.length, 0);
    result.findings = merged.findings;
  }
  result.files.sort();
  return result;
}

const DAY_MS = 86_400_000;

/** What may hold the same lines: a channel's hour or, where it has a day object, its day. */
function groups(segments: readonly StoredSegment[]): StoredSegment[][] {
  const channels = Map.groupBy(segments, ({ platform, channel }) => `${platform}/${channel}`);
  return [...channels.values()].flatMap((ofChannel) =>
    ofChannel.some(isDayObject)
      ? [ofChannel]
      : [...Map.groupBy(ofChannel, (segment) => segmentSpan(segment).fromMs).values()],
  );
}

/** Each day once, in order. */
function sameDays(days: readonly SelectedDay[]): SelectedDay[] {
  return [...Map.groupBy(days, ({ dayMs }) => dayMs)]
    .sort(([a], [b]) => a - b)
    .map(([dayMs, parts]) => ({ dayMs, segments: parts.flatMap(({ segments }) => segments) }));
}

type Place = (segment: StoredSegment, signal: AbortSignal) => Promise<string | undefined>;

/** Where an object can be read; undefined where it is damaged or gone, which merging tells of. */
async function placesOf({ store, scratch, cache }: GatherOptions): Promise<Place> {
  const directory = await withoutGlob(store.directory ?? cache ?? join(scratch, 'objects'), scratch);
  if (store.directory !== undefined) return async ({ key }) => join(directory, key);
  return async ({ key, bytes }, signal) => {
    const path = join(directory, key);
    const known = await stat(path).catch(() => undefined);
    if (known?.size === bytes) return path;
    const fetched = await fetchObject(store, key, signal).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === 'object_missing') return undefined;
      throw error;
    });
    if (!fetched || fetched.isIntact === false) return undefined;
    await mkdir(dirname(path), { recursive: true });
    const part = join(dirname(path), `.${basename(path)}.${process.pid}.part`);
    await writeFile(part, fetched.bytes);
    await rename(part, path);
    return path;
  };
}

/** DuckDB would take the name of the directory for a pattern. */
async function withoutGlob(directory: string, scratch: string): Promise<string> {
  if (!GLOB_CHARACTERS.test(directory)) return directory;
  await mkdir(directory, { recursive: true });
  const link = join(scratch, 'link');
  await symlink(directory, link);
  return link;
}

async function mergeInto(
  { store, selection, decisions, scratch, signal }: GatherOptions,
  days: SelectedDay[],
  done: (objects: number, bytes: number) => void,
): Promise<Pick<GatheredFiles, 'files' | 'findings'>> {
  await using pool = new WorkerPool({ decisions });
  const scanner = new Scanner({
    ...{ store, pool, selection, signal },
    onFetched: (bytes) => done(0, bytes),
    onObject: () => done(1, 0),
  });
  const files: string[] = [];
  const batches = mergedLines(days, scanner)[Symbol.asyncIterator]();
  try {
    for (let next = await batches.next(); !next.done; ) {
      const path = join(scratch, `merged-${String(files.length).padStart(5, '0')}.jsonl.zst`);
      const part = async function* () {
        for (let written = 0; !next.done && written < MERGED_FILE_BYTES; next = await batches.next()) {
          written += next.value.bytes.length;
          yield Buffer.from(next.value.bytes);
        }
      };
      const compressor = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
      await pipeline(Readable.from(part()), compressor, createWriteStream(path), { signal });
      files.push(path);
    }
  } finally {
    // The threads' scans end with it: the pool waits for them.
    await batches.return(undefined);
  }
  return { files, findings: scanner.findings };
}
