/**
 * To a folder: a file for every channel and day, `{platform}/{channel}/{YYYY-MM-DD}.jsonl`. Files that are complete and of the
 * same sources are kept, so that the same command goes on where it was broken off, and brings up to date what was complete.
 */

import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChatlogError } from '../../lib/errors.ts';
import { lockDirectory } from '../../lib/instance-lock.ts';
import { isTaken } from '../../lib/is-taken.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { FORMATS } from '../formats/formats.ts';
import { releaseBytes } from '../scan/line-batch.ts';
import { type Selection, segmentMatcher } from '../selection.ts';
import type { FileCompression } from './line-encoder.ts';
import { PartFile } from './part-file.ts';
import { addFindings, isWhole, pulledBytes, scannerOf } from './pull-lines.ts';
import type { PullOptions, PullResult } from './pull-options.ts';
import { type PulledFile, PullState } from './pull-state.ts';
import { channelTitle } from './selection-title.ts';
import { sourceDigest } from './source-digest.ts';

const DAY_MS = 86_400_000;
/** Files that are written at the same time: while one waits for objects another one is converted. */
const FILES_AT_ONCE = 3;
const EXTENSIONS: Record<FileCompression, string> = { none: '', gzip: '.gz', zstd: '.zst' };

/** One channel's day. */
interface Unit {
  file: string;
  /** `twitch/xqc`, encoded. */
  channel: string;
  dayMs: number;
  segments: StoredSegment[];
}

/**
 * With a survey of {@link wholeDays}: what a day's file is made of has to be known also where only a part of the day is asked
 * for. Throws `output_in_use` where another process pulls into the folder.
 */
export async function pullToDirectory(options: PullOptions, directory: string): Promise<PullResult> {
  const state = await PullState.open(directory);
  await using _lock = await lockDirectory(directory).catch((error: unknown) => {
    if (!(error instanceof ChatlogError)) throw error;
    throw new ChatlogError('output_in_use', `another chatlog pulls into ${directory}`, {
      hint: 'Wait for it.',
    });
  });
  const puller = new DirectoryPuller(options, directory, state);
  const units = unitsOf(options, await fileExtension(options));
  // What fails ends the others, too.
  const failed = new AbortController();
  const lane = async () => {
    try {
      for (let next = await units.next(); !next.done; next = await units.next()) {
        if (failed.signal.aborted) return;
        await puller.pull(next.value);
      }
    } catch (error) {
      failed.abort();
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: FILES_AT_ONCE }, lane));
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
  return puller.result;
}

export function wholeDays(selection: Selection): Selection {
  const { fromMs, toMs } = selection;
  return {
    ...selection,
    fromMs: fromMs === undefined ? undefined : Math.floor(fromMs / DAY_MS) * DAY_MS,
    toMs: toMs === undefined ? undefined : Math.ceil(toMs / DAY_MS) * DAY_MS,
  };
}

async function fileExtension({ format, compress }: PullOptions): Promise<string> {
  return (await FORMATS[format]()).extension + EXTENSIONS[compress];
}

async function* unitsOf({ survey }: PullOptions, extension: string): AsyncGenerator<Unit> {
  for await (const { dayMs, segments } of survey.days()) {
    const channels = Map.groupBy(segments, ({ platform, channel }) => `${platform}/${channel}`);
    const day = new Date(dayMs).toISOString().slice(0, 10);
    for (const [channel, ofChannel] of channels)
      yield { file: `${channel}/${day}${extension}`, channel, dayMs, segments: ofChannel };
  }
}

class DirectoryPuller {
  readonly result: PullResult;
  readonly #options: PullOptions;
  readonly #directory: string;
  readonly #state: PullState;

  constructor(options: PullOptions, directory: string, state: PullState) {
    this.#options = options;
    this.#directory = directory;
    this.#state = state;
    const { findings } = scannerOf(options);
    this.result = { lines: 0, bytes: 0, files: 0, filesKept: 0, filesRefused: [], findings };
  }

  async pull(unit: Unit): Promise<void> {
    const { signal, decisions, selection, isForced } = this.#options;
    signal.throwIfAborted();
    const path = join(this.#directory, ...unit.file.split('/'));
    const wanted = {
      ...{ file: unit.file, recipe: recipeOf(this.#options), ...clipped(unit.dayMs, selection) },
      sources: sourceDigest(unit.segments, decisions),
    };
    const present = this.#state.get(unit.file);
    if (present && covers(present, wanted) && (await isThere(path, present))) {
      this.#pass(unit.segments);
      this.result.filesKept++;
      return;
    }
    const isOurs = present !== undefined && present.recipe === wanted.recipe;
    if (isTaken(path) && !isOurs && !isForced) {
      this.#pass(unit.segments);
      this.result.filesRefused.push(path);
      return;
    }
    await this.#write(unit, path, wanted, isOurs);
  }

  async #write(
    unit: Unit,
    path: string,
    wanted: Omit<PulledFile, 'bytes' | 'lines'>,
    isOurs: boolean,
  ): Promise<void> {
    const { result } = this;
    const scanner = scannerOf(this.#options);
    const isWanted = segmentMatcher(this.#options.selection);
    const { yes: segments = [], no: others = [] } = Object.groupBy(unit.segments, (segment) =>
      isWanted(segment) ? 'yes' : 'no',
    );
    this.#pass(others);
    const lines = {
      days: [{ ...unit, segments }],
      title: channelTitle(unit.channel),
      hasManyChannels: false,
    };
    await using file = await PartFile.open(path);
    let count = 0;
    for await (const encoded of pulledBytes(this.#options, lines, scanner, 1 / FILES_AT_ONCE)) {
      await file.write(encoded.bytes);
      releaseBytes(encoded.bytes);
      count += encoded.lines;
    }
    addFindings(result.findings, scanner.findings);
    await file.sync();
    // What could not be read whole is of no sources: the next run reads it again.
    const sources = isWhole(scanner.findings) ? wanted.sources : '';
    await this.#state.add({ ...wanted, sources, bytes: count > 0 ? file.bytes : 0, lines: count });
    if (count === 0) {
      await file.discard();
      if (isOurs) await rm(path, { force: true });
      return;
    }
    await file.complete();
    result.files++;
    result.lines += count;
    result.bytes += file.bytes;
  }

  /** They need not be read. */
  #pass(segments: readonly StoredSegment[]): void {
    this.#options.onBytes(segments.reduce((sum, { bytes }) => sum + bytes, 0));
    this.#options.onObjects(segments.length);
  }
}

/** Options that decide what is in a file, but for the stretch of time. */
function recipeOf({ format, compress, selection }: PullOptions): string {
  const users = selection.users.map(({ id = '', logins }) => [id, ...logins].join(' ')).sort();
  return JSON.stringify({ format, compress, users });
}

/** What of the day is asked for. */
function clipped(dayMs: number, { fromMs, toMs }: Selection): { fromMs: number; toMs: number } {
  return { fromMs: Math.max(dayMs, fromMs ?? dayMs), toMs: Math.min(dayMs + DAY_MS, toMs ?? dayMs + DAY_MS) };
}

/** Of the same sources, and not less of the day. */
function covers(present: PulledFile, wanted: Omit<PulledFile, 'bytes' | 'lines'>): boolean {
  return (
    present.recipe === wanted.recipe &&
    present.sources === wanted.sources &&
    present.fromMs <= wanted.fromMs &&
    present.toMs >= wanted.toMs
  );
}

async function isThere(path: string, { bytes, lines }: PulledFile): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return lines === 0 ? info === undefined : info?.isFile() === true && info.size === bytes;
}
