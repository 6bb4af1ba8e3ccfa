import { mergedLines } from '../merge/merged-lines.ts';
import { MERGE_LIMITS } from '../merge/plan-sources.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import type { Scanner } from '../scan/scanner.ts';
import type { SelectedDay } from '../selection.ts';

/** Hits are there as soon as they are found: few hours at a time, and nothing waits for more. */
const LIMITS = { ...MERGE_LIMITS, stretchBytes: 1024 * 1024, isEager: true };

/** The lines that match, in order of time, each once; as they are found, hour by hour. */
export function searchLines(
  days: AsyncIterable<SelectedDay> | Iterable<SelectedDay>,
  scanner: Scanner,
): AsyncGenerator<LineBatch> {
  return mergedLines(days, scanner, LIMITS);
}
