/** The archive from its end to its beginning: days one after another, each read forwards and given backwards. */
import type { ObjectStore } from '../../storage/object-store.ts';
import { joinParts, type LineBatch } from '../scan/line-batch.ts';
import type { Scanner } from '../scan/scanner.ts';
import { type Run, SpillFile } from '../scan/spill-file.ts';
import { type SelectedDay, type Selection, selectedDays } from '../selection.ts';
import { searchLines } from './search-lines.ts';

const DAY_MS = 86_400_000;
/** Of a day's lines in memory; what is more waits in a temporary file. */
const HELD_BYTES = 32 * 1024 * 1024;

/** Each day is listed when it is asked for. Days without segments are left out. */
export async function* daysBackwards(
  store: ObjectStore,
  selection: Selection,
  signal: AbortSignal,
): AsyncGenerator<SelectedDay> {
  const firstMs = await firstDay(store, selection, signal);
  // Clocks differ: the last lines may be of tomorrow.
  const endMs = selection.toMs ?? Date.now() + DAY_MS;
  for (let dayMs = startOfDay(endMs - 1); dayMs >= firstMs; dayMs -= DAY_MS) {
    const fromMs = Math.max(dayMs, selection.fromMs ?? dayMs);
    const toMs = Math.min(dayMs + DAY_MS, endMs);
    yield* selectedDays(store, { ...selection, fromMs, toMs }, signal);
  }
}

async function firstDay(store: ObjectStore, selection: Selection, signal: AbortSignal): Promise<number> {
  if (selection.fromMs !== undefined) return startOfDay(selection.fromMs);
  for await (const { dayMs } of selectedDays(store, selection, signal)) return dayMs;
  return Number.POSITIVE_INFINITY;
}

function startOfDay(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS;
}

/** The lines of {@link searchLines}, the last one first. */
export async function* linesBackwards(
  days: AsyncIterable<SelectedDay>,
  scanner: Scanner,
  heldMax: number = HELD_BYTES,
): AsyncGenerator<LineBatch> {
  for await (const day of days) yield* dayBackwards(day, scanner, heldMax);
}

async function* dayBackwards(day: SelectedDay, scanner: Scanner, heldMax: number): AsyncGenerator<LineBatch> {
  let held: LineBatch[] = [];
  let heldBytes = 0;
  let file: SpillFile | undefined;
  const runs: Run[] = [];
  try {
    for await (const batch of searchLines([day], scanner)) {
      held.push(batch);
      heldBytes += batch.bytes.length;
      if (heldBytes <= heldMax) continue;
      file ??= new SpillFile();
      runs.push(file.write(held));
      held = [];
      heldBytes = 0;
    }
    for (const batch of held.reverse()) yield reversed(batch);
    const blocks = runs.flat().reverse();
    if (file) for (const batch of file.read(blocks)) yield reversed(batch);
  } finally {
    file?.[Symbol.dispose]();
  }
}

function reversed(batch: LineBatch): LineBatch {
  const count = batch.times.length;
  return joinParts(
    Array.from({ length: count }, (_, index) => ({ batch, from: count - 1 - index, to: count - index })),
  );
}
