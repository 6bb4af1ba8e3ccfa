/**
 * A page of the archive's lines: what `GET /api/messages` goes on with where the index ends. Storage is listed day by day:
 * where hardly anything is found the page comes back after a while with less than would fit, and says where to go on.
 */
import type { ChatEvent } from '../event.ts';
import type { Order, Position } from '../index/queries/page.ts';
import type { ArchiveReader } from './archive-reader.ts';
import type { ArchivedLine, ArchiveUser } from './archive-request.ts';

export interface ArchivePageQuery {
  channel: { platform: string; name: string };
  user: ArchiveUser | undefined;
  fromMs: number;
  /** Excluded. */
  toMs: number;
  order: Order;
  after: Position | undefined;
  wanted(event: ChatEvent): boolean;
  /** Lines to pass over first. */
  skip: number;
  limit: number;
}

export interface ArchivePage {
  lines: ArchivedLine[];
  /** Where the next page begins; undefined: the archive has no more of it. */
  next: Position | undefined;
}

/** Days listed at a time. */
const WINDOW_MS = 31 * 86_400_000;
/** No new window is begun after so long. */
const PATIENCE_MS = 3_000;
const FIRST_KEY = '00000000-0000-0000-0000-000000000000';
const LAST_KEY = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

export async function archivePage(
  reader: ArchiveReader,
  query: ArchivePageQuery,
  signal: AbortSignal,
): Promise<ArchivePage> {
  const startedMs = performance.now();
  const { order, skip, limit } = query;
  const lines: ArchivedLine[] = [];
  let { fromMs, toMs } = leftOf(query);
  while (fromMs < toMs) {
    const window =
      order === 'newest'
        ? { fromMs: Math.max(fromMs, toMs - WINDOW_MS), toMs }
        : { fromMs, toMs: Math.min(toMs, fromMs + WINDOW_MS) };
    await takeLines(reader, { ...query, ...window }, lines, signal);
    if (lines.length > skip + limit) {
      const page = lines.slice(skip, skip + limit);
      const last = page.at(-1) ?? lines[skip]!;
      return { lines: page, next: { tsMs: last.timeMs, key: last.key } };
    }
    if (order === 'newest') toMs = window.fromMs;
    else fromMs = window.toMs;
    if (performance.now() - startedMs > PATIENCE_MS && fromMs < toMs) {
      const next = order === 'newest' ? { tsMs: toMs, key: FIRST_KEY } : { tsMs: fromMs - 1, key: LAST_KEY };
      return { lines: lines.slice(skip), next };
    }
  }
  return { lines: lines.slice(skip), next: undefined };
}

function leftOf({ fromMs, toMs, order, after }: ArchivePageQuery): { fromMs: number; toMs: number } {
  if (!after) return { fromMs, toMs };
  return order === 'newest'
    ? { fromMs, toMs: Math.min(toMs, after.tsMs + 1) }
    : { fromMs: Math.max(fromMs, after.tsMs), toMs };
}

/** One more than the page holds: then it is known whether there is another. */
async function takeLines(
  reader: ArchiveReader,
  query: ArchivePageQuery,
  lines: ArchivedLine[],
  signal: AbortSignal,
): Promise<void> {
  const { channel, user, fromMs, toMs, order, after, wanted, skip, limit } = query;
  const request = {
    channels: [{ platform: channel.platform, channel: channel.name }],
    fromMs,
    toMs,
    reverse: order === 'newest',
    ...(user && { user }),
    ...(after && { after: { timeMs: after.tsMs, key: after.key } }),
  };
  for await (const batch of reader.lines(request, signal)) {
    for (const line of batch) {
      if (wanted(line.event)) lines.push(line);
      if (lines.length > skip + limit) return;
    }
  }
}
