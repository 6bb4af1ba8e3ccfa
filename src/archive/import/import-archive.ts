/**
 * Brings logs into the archive:
 *
 *     sources ──readings──> staging ──external sort──> by channel and hour ──less what the archive has──> one object an hour
 *
 * Nothing is put before all sources were read. Every step gives the same when it is done again: an import that was broken off is
 * taken up by repeating it, and importing twice, or files that overlap, in any order, changes nothing.
 *
 * Limits: memory is that of three external sorts (`external-sort.ts`) whatever the size; four hours are compressed and put at a
 * time, plain and compressed on the disk below `TMPDIR`.
 */
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import type { Decision } from '../../privacy/decision.ts';
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { encodeName } from '../../segment-name.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { SegmentOrigin } from '../../uploading/describe-segment.ts';
import { carryOutIn } from '../compact/forget-in-day.ts';
import { renewManifest } from '../compact/renew-manifest.ts';
import type { PlatformDay } from '../manifest/manifest-key.ts';
import { detectFormat } from './detect-format.ts';
import { ExternalSort } from './external-sort.ts';
import { type FoundSource, findSources } from './find-sources.ts';
import type { ImportFormat, SourceReader } from './import-format.ts';
import { mergeIntoArchive, type StoredHour } from './merge-into-archive.ts';
import { type ImportRequest, isUnknown, openFound } from './plan-import.ts';
import type { Source } from './read-source.ts';
import type { Rejects } from './rejects.ts';
import { type StagedDay, Staging } from './staging.ts';

export interface ImportOptions extends ImportRequest {
  store: ObjectStore;
  privacy: PrivacyGate;
  /** What people asked for since `privacy` was read. */
  decidedSince(): Promise<readonly Decision[]>;
  origin: SegmentOrigin;
  /** Zstandard, 1 to 19; the recorder's when left out. */
  level?: number;
  /** Everything but putting objects. */
  dryRun: boolean;
  rejects: Rejects;
  /** Wall clock, ms since the epoch. */
  now: () => number;
  onProgress(progress: ImportProgress): void;
}

export type ImportProgress =
  | { phase: 'read'; bytes: number; files: number; lines: number; rejects: number }
  | { phase: 'write'; doneLines: number; totalLines: number; objects: number };

export interface ImportedDay extends StagedDay {
  newLines: number;
}

export interface ImportReport {
  files: number;
  /** Events that sources gave; `newLines`, `known` and `doubled` are parts of them. */
  lines: number;
  newLines: number;
  /** In the archive already. */
  known: number;
  /** The same as another one of the sources. */
  doubled: number;
  /** Of people and channels that asked not to be kept. */
  withheld: number;
  rejects: number;
  objects: number;
  objectBytes: number;
  /** In the order of platform, channel and time. */
  days: ImportedDay[];
}

const SCRATCH = 'chatlog-import-';
const LEFTOVER_AGE_MS = 24 * 3_600_000;

/** Abort rejects with the signal's reason: what was put stays, and doing it again goes on from there. */
export async function importArchive(options: ImportOptions, signal: AbortSignal): Promise<ImportReport> {
  await sweepScratch();
  let scratch = '';
  await using sort = new ExternalSort();
  try {
    const staging = new Staging({ sort, privacy: options.privacy, nowMs: options.now() });
    const read = await readSources(options, staging, signal);
    // Reading can take days, and an old directory is taken for a leftover.
    scratch = await mkdtemp(join(tmpdir(), SCRATCH));
    const merge = { ...options, scratch, staged: sort, days: staging.days };
    const { stored, ...written } = await mergeIntoArchive(merge, signal);
    if (!options.dryRun) {
      await carryOutInAll(stored, options, scratch, signal);
      await renewManifests(written.days, { store: options.store, scratch, signal });
    }
    return { ...read, ...written, rejects: options.rejects.count };
  } catch (error) {
    throw systemErrorCode(error) === 'ENOSPC' ? scratchFull(error) : error;
  } finally {
    if (scratch !== '') await rm(scratch, { recursive: true, force: true });
  }
}

/** Whoever was forgotten while sources were read is in what was put: the forgetting may have passed by before. */
async function carryOutInAll(
  stored: readonly StoredHour[],
  { store, decidedSince }: ImportOptions,
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  const decided = await decidedSince();
  if (decided.length === 0) return;
  const tools = { store, signal, decisions: async () => decided };
  for (const { key, ...channel } of stored) await carryOutIn(key, [], channel, scratch, tools);
}

/** Also of days to which nothing is added: an import that was broken off may have added it. */
async function renewManifests(
  days: readonly ImportedDay[],
  tools: Parameters<typeof renewManifest>[3],
): Promise<void> {
  const touched = new Map<string, PlatformDay>();
  for (const { platform, dayMs } of days)
    touched.set(`${platform} ${dayMs}`, { platform: encodeName(platform), dayMs });
  for (const day of touched.values()) await renewManifest(day, [], new Set(), tools);
}

interface ReadCounts {
  files: number;
  lines: number;
  withheld: number;
}

async function readSources(
  options: ImportOptions,
  staging: Staging,
  signal: AbortSignal,
): Promise<ReadCounts> {
  const counts: ReadCounts = { files: 0, lines: 0, withheld: 0 };
  let doneBytes = 0;
  for await (const found of findSources(options.paths)) {
    signal.throwIfAborted();
    const opened = await open(found, options);
    if (opened) {
      await using _ = opened.source;
      await readSource(opened, options, { staging, counts, doneBytes }, signal);
    }
    doneBytes += found.bytes;
  }
  return counts;
}

interface OpenedSource {
  source: Source;
  format: ImportFormat;
  reader: SourceReader;
}

/** Undefined where it is empty or, as its reject then says, cannot be opened or is of no known format. */
async function open(found: FoundSource, options: ImportOptions): Promise<OpenedSource | undefined> {
  let source: Source | undefined;
  try {
    source = await openFound(found, options);
    if (source.info.head.length > 0) {
      const { format } = detectFormat(source.info, options.format);
      return { source, format, reader: await format.open(source.info) };
    }
  } catch (error) {
    if (!isUnknown(found, error) && systemErrorCode(error) === undefined) throw error;
    const original = Buffer.alloc(0);
    await options.rejects.add({ file: found.path, line: 0, reason: errorText(error), original });
  }
  await source?.[Symbol.asyncDispose]();
  return undefined;
}

interface ReadState {
  staging: Staging;
  counts: ReadCounts;
  doneBytes: number;
}

async function readSource(
  { source, format, reader }: OpenedSource,
  { rejects, onProgress }: ImportOptions,
  { staging, counts, doneBytes }: ReadState,
  signal: AbortSignal,
): Promise<void> {
  const stage = staging.source(counts.files++, format.isLossless ?? false);
  for await (const { readings, line, original } of source.records(reader, signal)) {
    for (const reading of readings) {
      const staged = await stage.add(reading);
      if (staged === 'staged') counts.lines++;
      else if (staged === 'withheld') counts.withheld++;
      else {
        const text = 'text' in reading && reading.text !== undefined ? Buffer.from(reading.text) : original();
        await rejects.add({ file: source.info.path, line, reason: staged.reject, original: text });
      }
    }
    const { files, lines } = counts;
    onProgress({ phase: 'read', bytes: doneBytes + source.bytesRead, files, lines, rejects: rejects.count });
  }
}

function scratchFull(cause: unknown): ChatlogError {
  return new ChatlogError(
    'scratch_full',
    `the disk of ${tmpdir()} is full, where what is imported is sorted`,
    {
      hint: 'Make room, or name another directory: TMPDIR=/large/disk chatlog import ... What was put stays.',
      cause,
    },
  );
}

/** What a process left that died: its files are made anew. */
async function sweepScratch(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(SCRATCH)) continue;
    const path = join(tmpdir(), name);
    const info = await stat(path).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > LEFTOVER_AGE_MS)
      await rm(path, { recursive: true, force: true }).catch(() => {});
  }
}
