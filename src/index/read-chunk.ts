/** Lines of a segment to what of them goes into the index: nothing of it needs the database. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import { type PrivacyGate, userKeyOf } from '../privacy/privacy-gate.ts';
import { IdenticalLines } from './identical-lines.ts';
import type { SegmentChunk } from './loader.ts';
import { type IndexedLine, indexLine } from './message-row.ts';
import { EARLIEST_LINE_MS, endOfIndexMs } from './partitions.ts';
import { retentionFloors } from './retention/due-ranges.ts';

export interface ChunkContent {
  /** What becomes rows of `messages`; lines older than the retention and those that privacy withholds are not among them. */
  rows: IndexedLine[];
  gaps: IndexedLine[];
  rejected: number;
  /** Why the first of them was. */
  rejectedWhy: string | undefined;
  /** Of all lines that could be read. */
  firstMs: number | undefined;
  lastMs: number | undefined;
}

/** Decides which lines are taken. */
export interface LineFilter {
  /** Lines of this time or later say what cannot be. */
  endMs: number;
  /** Lines before this are not loaded. */
  floorMs(platform: string, channel: string): number;
  privacy: PrivacyGate;
}

export function lineFilter(config: Config, privacy: PrivacyGate, nowMs: number): LineFilter {
  return { endMs: endOfIndexMs(nowMs), floorMs: retentionFloors(config, nowMs), privacy };
}

/**
 * Lines between two looks at whatever else this thread has to do: the recorder may be on it, and the database waits for its
 * next statement while lines are read.
 */
const LINES_PER_TURN = 20;

/** How many lines were read since the thread was last given to others; one for all chunks of a load. */
export interface Pace {
  lines: number;
}

export async function readChunk(
  chunk: SegmentChunk,
  filter: LineFilter,
  pace: Pace = { lines: 0 },
): Promise<ChunkContent> {
  const content: ChunkContent = {
    rows: [],
    gaps: [],
    rejected: 0,
    rejectedWhy: undefined,
    firstMs: undefined,
    lastMs: undefined,
  };
  const repeats = new IdenticalLines();
  for (const line of chunk.before ?? []) indexLine(line, repeats);
  for (const line of chunk.lines) {
    if (++pace.lines % LINES_PER_TURN === 0) await turn();
    readLine(line, repeats, filter, content);
  }
  return content;
}

function readLine(line: Buffer, repeats: IdenticalLines, filter: LineFilter, content: ChunkContent): void {
  const read = indexLine(line, repeats);
  const why = 'rejected' in read ? read.rejected : oddTime(read.timeMs, filter);
  if (why !== undefined || 'rejected' in read) {
    content.rejected++;
    content.rejectedWhy ??= why;
    return;
  }
  content.firstMs = Math.min(content.firstMs ?? read.timeMs, read.timeMs);
  content.lastMs = Math.max(content.lastMs ?? read.timeMs, read.timeMs);
  const { platform, channel } = read.event;
  if (read.timeMs < filter.floorMs(platform, channel) || isWithheld(read, filter.privacy)) return;
  (read.type === 'gap' ? content.gaps : content.rows).push(read);
}

function oddTime(timeMs: number, { endMs }: LineFilter): string | undefined {
  return timeMs < EARLIEST_LINE_MS || timeMs >= endMs ? 'of a time that cannot be' : undefined;
}

/** Whether someone asked that this line be not kept: its channel, who wrote it, whom it is about. */
export function isWithheld({ event, timeMs, key }: IndexedLine, privacy: PrivacyGate): boolean {
  if (privacy.isEmpty) return false;
  const { platform, channel, username, user_id, target, target_user_id } = event;
  if (privacy.isChannelOptedOut(platform, channel) || privacy.isMessagePurged(platform, key)) return true;
  const isGone = (id: unknown, login: unknown) => {
    const userKey = userKeyOf(typeof id === 'string' ? id : '', typeof login === 'string' ? login : '');
    if (userKey === '~') return false;
    const forgottenMs = privacy.forgottenUntilMs(platform, userKey);
    return privacy.isUserOptedOut(platform, userKey) || (forgottenMs !== undefined && timeMs <= forgottenMs);
  };
  return isGone(user_id, username) || isGone(target_user_id, target);
}
