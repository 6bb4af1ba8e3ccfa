/** The lines of a selection in one order, each once, in batches: what pull, compact and others are made of. */
import type { LineBatch } from '../scan/line-batch.ts';
import type { Scanner } from '../scan/scanner.ts';
import type { SelectedDay } from '../selection.ts';
import type { PlannedSource } from './line-source.ts';
import { mergeSources } from './merge-sources.ts';
import { MERGE_LIMITS, type MergeLimits, planSources } from './plan-sources.ts';
import { readAhead } from './read-ahead.ts';

/**
 * In the order of time, then of arrival (see `merger.ts`). Memory does not depend on how long the range is, nor on how many
 * channels there are. What was found on the way is in the scanner's findings.
 * @param days in order of time, each once
 */
export function mergedLines(
  days: AsyncIterable<SelectedDay> | Iterable<SelectedDay>,
  scanner: Scanner,
  limits: MergeLimits = MERGE_LIMITS,
): AsyncGenerator<LineBatch> {
  const sources = async function* (): AsyncGenerator<PlannedSource> {
    for await (const { segments } of days) yield* planSources(segments, scanner, limits);
  };
  return mergeSources(readAhead(sources(), limits.aheadBytes), scanner.findings, limits.isEager);
}
