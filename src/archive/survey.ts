/** What a command is about to read, before it reads: how much, of how many channels. */
import type { ObjectStore } from '../storage/object-store.ts';
import { type SelectedDay, type Selection, selectedDays } from './selection.ts';

export interface Survey {
  objects: number;
  /** As stored. */
  bytes: number;
  /** `twitch/xqc`, both encoded. */
  channels: ReadonlySet<string>;
  /** In order of time. What came after the survey may not be there. */
  days(): AsyncIterable<SelectedDay> | Iterable<SelectedDay>;
}

/** Segments that are remembered; of more, the days are listed again when they are asked for. */
const SEGMENTS_MAX = 20_000;

export async function surveyArchive(
  store: ObjectStore,
  selection: Selection,
  signal: AbortSignal,
  onListed: (objects: number) => void = () => {},
): Promise<Survey> {
  const channels = new Set<string>();
  let objects = 0;
  let bytes = 0;
  let firstMs: number | undefined;
  let days: SelectedDay[] = [];
  for await (const day of selectedDays(store, selection, signal)) {
    firstMs ??= day.dayMs;
    objects += day.segments.length;
    for (const segment of day.segments) {
      bytes += segment.bytes;
      channels.add(`${segment.platform}/${segment.channel}`);
    }
    if (objects <= SEGMENTS_MAX) days.push(day);
    else days = [];
    onListed(objects);
  }
  // Known to begin there, it is listed day by day.
  const again = { ...selection, fromMs: selection.fromMs ?? firstMs };
  const isRemembered = objects <= SEGMENTS_MAX;
  return {
    ...{ objects, bytes, channels },
    days: () => (isRemembered ? days : selectedDays(store, again, signal)),
  };
}
