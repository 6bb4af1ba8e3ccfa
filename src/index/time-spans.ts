/** From when to when there are rows of a channel, of a user, ... */
import { formatTimestamp } from '../lib/timestamp.ts';
import type { LoadedRow } from './loaded-rows.ts';

/** Milliseconds since the epoch; both are times of rows. */
export interface TimeSpan {
  fromMs: number;
  toMs: number;
}

export function widen<K>(spans: Map<K, TimeSpan>, of: K, timeMs: number): void {
  const span = spans.get(of);
  if (!span) spans.set(of, { fromMs: timeMs, toMs: timeMs });
  else if (timeMs < span.fromMs) span.fromMs = timeMs;
  else if (timeMs > span.toMs) span.toMs = timeMs;
}

export function spansOfChannels(rows: readonly LoadedRow[]): Map<number, TimeSpan> {
  const spans = new Map<number, TimeSpan>();
  for (const { channelId, line } of rows) widen(spans, channelId, line.timeMs);
  return spans;
}

/** As parameters: `$1::int[]`, and from when to when, `$2::text[]::timestamptz[]`, `$3::text[]::timestamptz[]`. */
export function spanColumns(spans: ReadonlyMap<number, TimeSpan>, laterMs = 0): (number | string)[][] {
  const times = [...spans.values()];
  return [
    [...spans.keys()],
    times.map(({ fromMs }) => formatTimestamp(fromMs)),
    times.map(({ toMs }) => formatTimestamp(toMs + laterMs)),
  ];
}
