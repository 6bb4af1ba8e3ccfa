/** What reading an archive has to give, computed plainly: everything in memory, every line parsed. */
import { type ChatEvent, eventIdentity } from '../../src/event.ts';
import { lineKey, messageKey } from '../../src/index/message-key.ts';

/** The lines of one object, without their ends. */
export type ModelSegment = readonly string[];

/**
 * The lines of all segments in the archive's order (time, arrival, key, bytes), each event once: of its copies the one that
 * the index has, too (live before backfill before import, the one received first, the smaller one). Of lines that nothing
 * identifies as many as the segment with the most of them has.
 */
export function modelLines(
  segments: readonly ModelSegment[],
  isWanted: (event: ChatEvent, timeMs: number) => boolean = () => true,
): string[] {
  const entries = segments.flatMap((segment) => {
    const seen = new Map<string, number>();
    return segment.map((line) => {
      const event = JSON.parse(line) as ChatEvent;
      const before = seen.get(line) ?? 0;
      seen.set(line, before + 1);
      const identity = eventIdentity(event);
      const key =
        identity === ''
          ? lineKey(event.platform, Buffer.from(line), before)
          : messageKey(event.platform, identity);
      const timeMs = Date.parse(event.timestamp);
      const receivedMs = event.received_at === undefined ? timeMs : Date.parse(event.received_at);
      return { line, event, timeMs, receivedMs, key };
    });
  });
  entries.sort(
    (a, b) =>
      a.timeMs - b.timeMs ||
      a.receivedMs - b.receivedMs ||
      compareTexts(a.key, b.key) ||
      Buffer.compare(Buffer.from(a.line), Buffer.from(b.line)),
  );
  const copies = Map.groupBy(entries, ({ timeMs, key, event }) => `${event.platform} ${timeMs} ${key}`);
  const kept = new Set([...copies.values()].map((ofOne) => ofOne.toSorted(compareCopies)[0]));
  return entries
    .filter((entry) => kept.has(entry))
    .filter(({ event, timeMs }) => isWanted(event, timeMs))
    .map(({ line }) => line);
}

interface Copy {
  line: string;
  event: ChatEvent;
}

function compareCopies(a: Copy, b: Copy): number {
  return (
    compareTexts(a.event.source ?? '', b.event.source ?? '') ||
    compareTexts(a.event.received_at ?? '~', b.event.received_at ?? '~') ||
    Buffer.compare(Buffer.from(a.line), Buffer.from(b.line))
  );
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
