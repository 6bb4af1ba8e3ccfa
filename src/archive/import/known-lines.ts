/** What the archive holds already of a channel's day, in the order of what is imported into it. */
import { type ChatEvent, eventIdentity } from '../../event.ts';
import { decompress } from '../../lib/decompress.ts';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { splitLines } from '../../lib/split-lines.ts';
import { channelPath, compressionOf } from '../../segment-name.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { listSegments } from '../../storage/read-segment.ts';
import { segmentSpan } from '../../storage/segment-span.ts';
import { streamObject } from '../fetch-object.ts';
import type { ExternalSort } from './external-sort.ts';
import { lineIdentity } from './line-identity.ts';
import { DAY_MS, HOUR_MS, sortKey } from './sort-keys.ts';
import type { StagedDay } from './staging.ts';

const LINE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Adds a key for every line that the archive has of the hours imported into. Throws what the storage said last:
 * `object_missing` where one went away since it was listed; and `object_corrupt` where an object is damaged: what it holds would be imported a second time.
 */
export async function addKnownLines(
  store: ObjectStore,
  { platform, channel, dayMs, hours }: StagedDay,
  sort: ExternalSort,
  signal: AbortSignal,
): Promise<void> {
  const isImported = (timeMs: number) =>
    timeMs >= dayMs &&
    timeMs < dayMs + DAY_MS &&
    ((hours >> Math.floor((timeMs - dayMs) / HOUR_MS)) & 1) === 1;
  // Listed before any is read: what is merged into a day object meanwhile is then missed, not passed over.
  const range = { platform, channel, fromMs: dayMs, toMs: dayMs };
  const segments = await Array.fromAsync(listSegments(store, range, signal));
  const path = channelPath(platform, channel);
  let source = 0;
  for (const segment of segments) {
    const { fromMs, toMs } = segmentSpan(segment);
    const isOfHour = toMs - fromMs <= HOUR_MS;
    if (isOfHour && !isImported(fromMs)) continue;
    source++;
    for await (const line of lines(store, segment.key, signal)) {
      const event = parse(line);
      const timeMs = event && Date.parse(event.timestamp);
      if (timeMs === undefined || Number.isNaN(timeMs) || !isImported(timeMs)) continue;
      const key = sortKey(path, timeMs, lineIdentity(event!, line), source, 0);
      await sort.add(key, '');
    }
  }
}

async function* lines(store: ObjectStore, key: string, signal: AbortSignal): AsyncGenerator<string> {
  const object = streamObject(store, key, signal);
  const bytes = decompress(object.chunks(), compressionOf(key));
  try {
    for await (const line of splitLines(bytes, LINE_BYTES_MAX)) yield line.toString('utf8');
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ChatlogError) throw error;
    throw corrupt(key, errorText(error), error);
  }
  if (object.isIntact === false) throw corrupt(key, 'it is not what was written');
}

function corrupt(key: string, reason: string, cause?: unknown): ChatlogError {
  return new ChatlogError(
    'object_corrupt',
    `${key} is damaged, so nobody can tell what it holds: ${reason}`,
    {
      cause,
      hint: 'See "chatlog verify". What was imported before it stays, and is not imported again.',
    },
  );
}

/** Undefined for what is no line of ours. */
function parse(line: string): ChatEvent | undefined {
  try {
    const event = JSON.parse(line) as ChatEvent;
    if (typeof event?.timestamp !== 'string') return undefined;
    eventIdentity(event);
    return event;
  } catch {
    return undefined;
  }
}
