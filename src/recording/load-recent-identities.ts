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
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { EventChannel } from '../channel/event-channel.ts';
import { type ChatEvent, eventIdentity } from '../event.ts';
import { errorText } from '../lib/errors.ts';
import type { Logger } from '../lib/logger.ts';
import { splitLines } from '../lib/split-lines.ts';
import { encodeName, parseSegmentFile } from '../segment-name.ts';
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

/** Returns how many lines were read. Never throws for a file that cannot be read. */
export async function loadRecentIdentities(options: LoadRecentOptions): Promise<number> {
  const { spool, coverage, log, rotateMinutes, now } = options;
  const unknownCutoffMs = now() - OVERLAP_MS;
  const cutoffs = new Map<string, number>();
  for (const { platform, channel, throughMs } of coverage.ends()) {
    cutoffs.set(`${encodeName(platform)}/${encodeName(channel)}`, throughMs - OVERLAP_MS);
  }
  let lines = 0;
  let compressedBytes = 0;
  for (const directory of ['recovered', 'sealed', 'uploaded'] satisfies SpoolDirectory[]) {
    for (const file of await readdir(spool.path(directory))) {
      const name = parseSegmentFile(file);
      if (!name) continue;
      const cutoffMs = cutoffs.get(`${name.platform}/${name.channel}`) ?? unknownCutoffMs;
      if (windowOf(name.startMs, rotateMinutes).endMs < cutoffMs) continue;
      const path = spool.path(directory, file);
      try {
        const stats = await lstat(path);
        // Opening a pipe would wait for whoever writes to it.
        if (!stats.isFile()) continue;
        if (name.compression === 'none') {
          lines += await readTail(path, cutoffMs, options);
        } else {
          compressedBytes += stats.size;
          if (compressedBytes <= COMPRESSED_BYTES_MAX) lines += await readCompressed(path, cutoffMs, options);
        }
      } catch (error) {
        log.warn(
          { file, err: errorText(error) },
          'cannot read the ids of this file; a line of it may be recorded twice',
        );
      }
    }
  }
  return lines;
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

async function readCompressed(path: string, cutoffMs: number, options: LoadRecentOptions): Promise<number> {
  const decompress = path.endsWith('.gz') ? createGunzip() : createZstdDecompress();
  const source = createReadStream(path);
  source.on('error', (error) => decompress.destroy(error));
  let lines = 0;
  for await (const line of splitLines(source.pipe(decompress), LINE_BYTES_MAX)) {
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
