/**
 * Reads back, at the start, the identities of the lines recorded shortly before each channel's coverage ended: those
 * that backfill may bring once more. They are at the ends of the channel's newest local segments. Where the end is not
 * known (the coverage could not be written or read), it is taken to be now: so long before it backfill asks back.
 *
 * Bounds: 8 MiB from the end of a plain file; compressed files, which can only be read from their beginning, as long
 * as 32 MiB in all have not been read. Beyond that a line may be recorded twice (with the same id, by which readers
 * of the archive recognise it).
 */
import { createReadStream } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import type { EventChannel } from '../channel/event-channel.ts';
import { type ChatEvent, eventIdentity } from '../event.ts';
import { decompress } from '../lib/decompress.ts';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { splitLines } from '../lib/split-lines.ts';
import { isMissing } from '../lib/system-error.ts';
import { type Compression, channelPath, parseSegmentFile, type SegmentName } from '../segment-name.ts';
import type { Spool, SpoolDirectory } from '../spool.ts';
import { type CoverageLog, OVERLAP_MS } from './coverage-log.ts';
import { windowOf } from './segment-window.ts';

const TAIL_BYTES_MAX = 8 * 1024 * 1024;
const TAIL_STEP_BYTES = 128 * 1024;
const LINE_BYTES_MAX = 1024 * 1024;
const COMPRESSED_BYTES_MAX = 32 * 1024 * 1024;

export interface LoadRecentOptions {
  spool: Spool;
  coverage: CoverageLog;
  channel: EventChannel;
  rotateMinutes: number;
  now: () => number;
  log: Logger;
}

/** At the start: of every channel. Returns how many lines were read. Never throws for a file that cannot be read. */
export async function loadRecentIdentities(options: LoadRecentOptions): Promise<number> {
  const unknownCutoffMs = options.now() - OVERLAP_MS;
  const cutoffs = new Map<string, number>();
  for (const { platform, channel, throughMs } of options.coverage.ends()) {
    cutoffs.set(channelPath(platform, channel), throughMs - OVERLAP_MS);
  }
  const reader = new IdentityReader(
    options,
    (name) => cutoffs.get(`${name.platform}/${name.channel}`) ?? unknownCutoffMs,
  );
  await reader.read(['recovered', 'sealed', 'uploaded']);
  return reader.lines;
}

/**
 * While running: of one channel, since some time, however many lines of others came after them. What waits for its
 * commit is not on disk, but so young that it is remembered anyway. Rejects on abort only.
 */
export async function recallIdentities(
  { platform, channel, sinceMs }: { platform: string; channel: string; sinceMs: number },
  options: LoadRecentOptions,
  signal: AbortSignal,
): Promise<number> {
  const wanted = channelPath(platform, channel);
  const reader = new IdentityReader(options, (name) =>
    `${name.platform}/${name.channel}` === wanted ? sinceMs : Infinity,
  );
  await reader.read(['open', 'recovered', 'sealed', 'uploaded'], signal);
  return reader.lines;
}

/** A file may move on between the listing and the reading: then the directory is listed again, so often. */
const LISTINGS_MAX = 3;

class IdentityReader {
  lines = 0;
  readonly #options: LoadRecentOptions;
  /** Lines of a segment are wanted from when on, ms. */
  readonly #cutoffOf: (name: SegmentName) => number;
  #compressedBytes = 0;

  constructor(options: LoadRecentOptions, cutoffOf: (name: SegmentName) => number) {
    this.#options = options;
    this.#cutoffOf = cutoffOf;
  }

  /** In the order in which segments move, so that none slips by. */
  async read(directories: readonly SpoolDirectory[], signal?: AbortSignal): Promise<void> {
    for (const directory of directories) {
      const done = new Set<string>();
      for (let listing = 0; listing < LISTINGS_MAX; listing++) {
        if (!(await this.#readDirectory(directory, done, signal))) break;
      }
    }
  }

  /** True where a file had gone when its turn came. */
  async #readDirectory(directory: SpoolDirectory, done: Set<string>, signal?: AbortSignal): Promise<boolean> {
    const { spool, rotateMinutes, log } = this.#options;
    let hasMoved = false;
    for (const file of await readdir(spool.path(directory))) {
      signal?.throwIfAborted();
      const name = parseSegmentFile(file);
      if (!name || done.has(file)) continue;
      const cutoffMs = this.#cutoffOf(name);
      if (windowOf(name.startMs, rotateMinutes).endMs < cutoffMs) continue;
      try {
        await this.#readFile(spool.path(directory, file), name.compression, cutoffMs);
        done.add(file);
      } catch (error) {
        if (isMissing(error)) hasMoved = true;
        else {
          done.add(file);
          log.warn(
            { file, err: errorText(error) },
            'cannot read the ids of this file; a line of it may be recorded twice',
          );
        }
      }
    }
    return hasMoved;
  }

  async #readFile(path: string, compression: Compression, cutoffMs: number): Promise<void> {
    const stats = await lstat(path);
    // Opening a pipe would wait for whoever writes to it.
    if (!stats.isFile()) return;
    if (compression === 'none') {
      this.lines += await readTail(path, cutoffMs, this.#options);
      return;
    }
    this.#compressedBytes += stats.size;
    if (this.#compressedBytes <= COMPRESSED_BYTES_MAX) {
      this.lines += await readCompressed(path, compression, cutoffMs, this.#options);
    }
  }
}

/** From the end back to where lines were received before the cutoff. */
async function readTail(path: string, cutoffMs: number, options: LoadRecentOptions): Promise<number> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    let lines = 0;
    let rest = Buffer.alloc(0);
    for (let end = size; end > 0 && size - end < TAIL_BYTES_MAX; ) {
      const start = Math.max(0, end - TAIL_STEP_BYTES);
      const step = Buffer.allocUnsafe(end - start);
      await handle.read(step, 0, step.length, start);
      const bytes = Buffer.concat([step, rest]);
      const firstLine = start === 0 ? 0 : bytes.indexOf(0x0a) + 1;
      if (firstLine === 0 && start > 0) {
        // One long line: its beginning is in an earlier step.
        rest = bytes;
        end = start;
        continue;
      }
      const texts = bytes.subarray(firstLine).toString('utf8').split('\n');
      let isOlder = false;
      for (const text of texts) {
        const receivedMs = noteLine(text, cutoffMs, options);
        if (receivedMs !== undefined) lines++;
        if (receivedMs !== undefined && receivedMs < cutoffMs) isOlder = true;
      }
      if (isOlder) break;
      rest = bytes.subarray(0, firstLine);
      end = start;
    }
    return lines;
  } finally {
    await handle.close();
  }
}

async function readCompressed(
  path: string,
  compression: Compression,
  cutoffMs: number,
  options: LoadRecentOptions,
): Promise<number> {
  const bytes = decompress(createReadStream(path), compression);
  let lines = 0;
  for await (const line of splitLines(bytes, LINE_BYTES_MAX)) {
    if (noteLine(line.toString('utf8'), cutoffMs, options) !== undefined) lines++;
  }
  return lines;
}

/** When the line was received, ms; undefined where it is not a whole line of ours. */
function noteLine(
  text: string,
  cutoffMs: number,
  { channel, coverage }: LoadRecentOptions,
): number | undefined {
  const event = parseLine(text);
  if (!event) return undefined;
  const receivedMs = Date.parse(event.received_at ?? event.timestamp);
  if (!(receivedMs >= cutoffMs)) return receivedMs;
  channel.remember(event.platform, eventIdentity(event));
  if (event.source === undefined && event.type !== 'gap') {
    coverage.raise(event.platform, event.channel, receivedMs);
  }
  return receivedMs;
}

/** Undefined where it is not a whole line of ours. */
function parseLine(text: string): ChatEvent | undefined {
  try {
    const value: Partial<ChatEvent> | null = JSON.parse(text);
    const isOurs = typeof value?.timestamp === 'string' && typeof value.platform === 'string';
    return isOurs ? (value as ChatEvent) : undefined;
  } catch {
    return undefined;
  }
}
