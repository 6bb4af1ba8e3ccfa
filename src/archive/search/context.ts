/**
 * Hits with the lines around them: lines of the same channel, of its hour and the hours beside it. What has hits is read
 * again, hour by hour and channel by channel, so that nothing has to be held that might become context.
 */
import type { LineBatch } from '../scan/line-batch.ts';
import { lineAt } from '../scan/line-batch.ts';
import {
  type Channel,
  type ContextOptions,
  ContextReader,
  channelAround,
  channelName,
  HOUR_MS,
  type ShownLine,
  startOfHour,
} from './context-reader.ts';

/** @param hits in order of time, as a search without context gives them; they may end before all were found */
export async function* withContext(
  hits: AsyncIterable<LineBatch>,
  options: ContextOptions,
): AsyncGenerator<ShownLine> {
  const reader = new ContextReader(options);
  const pending = new PendingHits();
  const shown = async function* (hourMs: number) {
    for (const channel of pending.channels(hourMs))
      yield* reader.around(channel, hourMs, (ofHourMs) => pending.count(ofHourMs, channel));
    pending.wasShown(hourMs);
  };
  for await (const batch of hits) {
    for (const [index, timeMs] of batch.times.entries()) {
      const hourMs = startOfHour(timeMs);
      // What an hour shows depends on the hits of the next one.
      for (const earlier of pending.before(hourMs - HOUR_MS)) yield* shown(earlier);
      const channel = channelAround(batch, index);
      if (channel) {
        pending.add(hourMs, channel);
        continue;
      }
      reader.endGroup();
      yield { line: lineAt(batch, index), isHit: true, beginsGroup: true };
    }
  }
  for (const earlier of pending.before(Number.POSITIVE_INFINITY)) yield* shown(earlier);
}

interface ChannelHits {
  channel: Channel;
  count: number;
}

/** Hits by hour and channel, both in the order of their first one. */
class PendingHits {
  readonly #hours = new Map<number, Map<string, ChannelHits>>();
  #shownMs = Number.NEGATIVE_INFINITY;

  add(hourMs: number, { platform, channel }: Channel): void {
    const hour = this.#hours.get(hourMs) ?? new Map<string, ChannelHits>();
    this.#hours.set(hourMs, hour);
    const name = channelName({ platform, channel });
    const hits = hour.get(name);
    if (hits) hits.count++;
    else hour.set(name, { channel: { platform, channel }, count: 1 });
  }

  /** Hours that begin before this and were not shown. */
  before(endMs: number): number[] {
    return [...this.#hours.keys()].filter((hourMs) => hourMs > this.#shownMs && hourMs < endMs);
  }

  channels(hourMs: number): Channel[] {
    return [...(this.#hours.get(hourMs)?.values() ?? [])].map(({ channel }) => channel);
  }

  count(hourMs: number, channel: Channel): number {
    return this.#hours.get(hourMs)?.get(channelName(channel))?.count ?? 0;
  }

  /** The hour itself is kept: the next one is shown with it. */
  wasShown(hourMs: number): void {
    this.#shownMs = hourMs;
    for (const earlier of this.#hours.keys()) if (earlier < hourMs) this.#hours.delete(earlier);
  }
}
