/** Sources merged as they come: of those that are to come only the next one is asked for. */
import { iteratorOf } from '../../lib/iterator-of.ts';
import type { LineBatch } from '../scan/line-batch.ts';
import type { LineSource, PlannedSource } from './line-source.ts';
import { type Cursor, Merger } from './merger.ts';

/** Told of lines that were left out because another one is the same event. */
export interface MergeCount {
  duplicates: number;
}

/**
 * One order of all lines, each once (see {@link Merger}).
 * @param planned in the order of their `fromMs`
 * @param isEager lines are handed on before more are waited for, however few they are
 */
export async function* mergeSources(
  planned: AsyncIterable<PlannedSource> | Iterable<PlannedSource>,
  count: MergeCount,
  isEager = false,
): AsyncGenerator<LineBatch> {
  const merger = new Merger({ isEager });
  const open = new Map<Cursor, LineSource>();
  const coming = iteratorOf(planned);
  let next: { cursor: Cursor; source: PlannedSource } | undefined;
  /** A source that is to come stands in the merge with its lower bound: it is begun when the order reaches that. */
  const plan = async () => {
    const { value, done } = await coming.next();
    if (done) {
      next = undefined;
      return;
    }
    const { platform, isMerged, fromMs } = value;
    next = { cursor: merger.add({ platform, isMerged }, fromMs), source: value };
  };
  try {
    await plan();
    for (;;) {
      const step = merger.next();
      if (step === 'done') return;
      if ('batch' in step) {
        yield step.batch;
        continue;
      }
      const { needs } = step;
      if (needs === next?.cursor) {
        open.set(needs, next.source.open());
        await plan();
      }
      const source = open.get(needs)!;
      const batch = await source.next();
      merger.give(needs, batch);
      if (!batch) {
        source.close();
        open.delete(needs);
      }
    }
  } finally {
    for (const source of open.values()) source.close();
    count.duplicates += merger.duplicates;
    await coming.return?.();
  }
}
