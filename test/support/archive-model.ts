/** What reading an archive has to give, computed plainly: everything in memory, every line parsed. */
import { type ChatEvent, eventIdentity } from '../../src/event.ts';
import { lineKey, messageKey } from '../../src/index/message-key.ts';

/** The lines of one object, without their ends. */
export type ModelSegment = readonly string[];

/**
 * The lines of all segments in the archive's order (time, arrival, key, bytes), each event once: the copy received first. Of
 * lines that nothing identifies as many as the segment with the most of them has.
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
  const taken = new Set<string>();
  return entries
    .filter(({ timeMs, key, event }) => {
      const identity = `${event.platform} ${timeMs} ${key}`;
      return !taken.has(identity) && taken.add(identity);
    })
    .filter(({ event, timeMs }) => isWanted(event, timeMs))
    .map(({ line }) => line);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
