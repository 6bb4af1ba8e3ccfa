/**
 * The live feed as server-sent events: each line as it is recorded is the data of one event, with an id to go on by.
 *
 *     id: 9f3a1c02-17-1763730000123
 *     data: {"timestamp":"...
 *
 *     event: dropped
 *     data: {"lines":1204}
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type LiveFeed,
  type LiveOptions,
  type LiveSubscription,
  parseLiveId,
} from '../../channel/live-feed.ts';
import type { ChatEvent } from '../../event.ts';
import type { PrivacyGate } from '../../privacy/privacy-gate.ts';
import { withhold } from '../../privacy/withhold.ts';
import type { Spool } from '../../spool.ts';
import { type RecentLine, recentLines } from './recent-lines.ts';

/** What the recorder of this process offers. */
export interface LiveSource {
  feed: LiveFeed;
  spool: Spool;
  /** Everything that came before is on the disk, ms since the epoch. */
  certainUntilMs(): number;
}

export interface LiveRequest extends Omit<LiveOptions, 'after'> {
  /** First what was received since then. */
  sinceMs: number | undefined;
  /** Of the line behind which to go on; counts before `sinceMs`. */
  lastEventId: string | undefined;
}

/** Also what a client waits for before it tries again. */
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
const CHUNK_CHARS = 64 * 1024;
/** So long files are waited for to hold what the feed had before. */
const COMMIT_WAIT_MS = 5_000;
const COMMIT_LOOK_MS = 50;

/** Without end, until the signal aborts. */
export async function* liveEvents(
  { feed, spool, certainUntilMs }: LiveSource,
  request: LiveRequest,
  privacy: PrivacyGate,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { sinceMs, lastEventId } = request;
  using subscription = feed.subscribe({ ...request, after: lastEventId });
  yield Buffer.from(`retry: ${RETRY_MS}\n\n`);
  const fromMs = (lastEventId === undefined ? undefined : parseLiveId(lastEventId)?.receivedMs) ?? sinceMs;
  if (!subscription.isResumed && fromMs !== undefined) {
    await committed(certainUntilMs, signal);
    const recent = await recentLines(spool, fromMs, (event) => subscription.wants(event), signal);
    yield* encoded(replayed(recent, subscription, privacy, signal));
  }
  while (!signal.aborted) {
    const { lines, dropped } = subscription.take();
    if (lines.length === 0 && dropped === 0) {
      await subscription.ready(HEARTBEAT_MS, signal);
      if (!subscription.isReady && !signal.aborted) yield Buffer.from(': \n\n');
      continue;
    }
    yield* encoded(eventTexts(lines, dropped, privacy));
  }
}

/** What files hold without what waits in the feed, which it gives afterwards. */
function* replayed(
  { lines, dropped }: { lines: readonly RecentLine[]; dropped: number },
  subscription: LiveSubscription,
  privacy: PrivacyGate,
  signal: AbortSignal,
): Generator<string> {
  const waiting = new Map<string, number>();
  for (const { line } of subscription.waiting) waiting.set(line, (waiting.get(line) ?? 0) + 1);
  if (dropped > 0) yield droppedText(dropped);
  for (const { line, event, receivedMs } of lines) {
    if (signal.aborted) return;
    const alike = waiting.get(line) ?? 0;
    if (alike > 0) waiting.set(line, alike - 1);
    else yield eventText({ id: `00000000-0-${receivedMs}`, line, event }, privacy);
  }
}

function* eventTexts(
  lines: readonly { id: string; line: string; event: ChatEvent }[],
  dropped: number,
  privacy: PrivacyGate,
): Generator<string> {
  for (const line of lines) yield eventText(line, privacy);
  if (dropped > 0) yield droppedText(dropped);
}

function eventText(
  { id, line, event }: { id: string; line: string; event: ChatEvent },
  privacy: PrivacyGate,
): string {
  const shown = privacy.isEmpty ? 'keep' : withhold(event, Date.parse(event.timestamp), privacy);
  if (shown === 'remove') return '';
  return `id: ${id}\ndata: ${shown === 'keep' ? line : JSON.stringify(shown)}\n\n`;
}

function droppedText(lines: number): string {
  return `event: dropped\ndata: {"lines":${lines}}\n\n`;
}

function* encoded(texts: Iterable<string>): Generator<Buffer> {
  let chunk = '';
  for (const text of texts) {
    chunk += text;
    if (chunk.length < CHUNK_CHARS) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  if (chunk !== '') yield Buffer.from(chunk);
}

/** Until what the feed had before now is on the disk; a disk that takes nothing is not waited for. */
async function committed(certainUntilMs: () => number, signal: AbortSignal): Promise<void> {
  const askedMs = Date.now();
  while (certainUntilMs() < askedMs && Date.now() - askedMs < COMMIT_WAIT_MS)
    await sleep(COMMIT_LOOK_MS, undefined, { signal });
}
