/**
 * Begins sources before they are needed, so that objects are fetched and cut while earlier ones are written. As many as fit
 * into the memory given; what is needed is begun in any case.
 */
import { iteratorOf } from '../../lib/iterator-of.ts';
import type { LineSource, PlannedSource } from './line-source.ts';

interface Begun {
  source: PlannedSource;
  opened: LineSource | undefined;
}

/** @param heldMax bytes that the sources under way may take, about */
export async function* readAhead(
  planned: AsyncIterable<PlannedSource> | Iterable<PlannedSource>,
  heldMax: number,
): AsyncGenerator<PlannedSource> {
  const coming = iteratorOf(planned);
  const queue: Begun[] = [];
  /** Given to whoever asked, who may not need it yet: it comes before those of the queue. */
  let given: Begun | undefined;
  const underWay = new Set<LineSource>();
  let heldBytes = 0;
  let isEnded = false;
  let asking: Promise<void> | undefined;
  let failure: { error: unknown } | undefined;

  const begin = (begun: Begun) => {
    heldBytes += begun.source.heldBytes;
    const opened = releasing(begun.source.open(), () => {
      underWay.delete(opened);
      heldBytes -= begun.source.heldBytes;
      fill();
    });
    underWay.add(opened);
    begun.opened = opened;
  };
  const fill = () => {
    for (const begun of given ? [given, ...queue] : queue) {
      if (begun.opened) continue;
      if (heldBytes + begun.source.heldBytes > heldMax) return;
      begin(begun);
    }
    if (heldBytes < heldMax && !isEnded && queue.length < QUEUE_MAX) void ask();
  };
  const ask = () => {
    asking ??= coming
      .next()
      .then(({ value, done }) => {
        if (done) isEnded = true;
        else queue.push({ source: value, opened: undefined });
      })
      .catch((error: unknown) => {
        isEnded = true;
        failure = { error };
      })
      .then(() => {
        asking = undefined;
        if (!isEnded) fill();
      });
    return asking;
  };

  try {
    for (;;) {
      while (queue.length === 0 && !isEnded) await ask();
      const next = queue.shift();
      if (!next) {
        if (failure) throw failure.error;
        // Whoever asked has begun them all, and closes them.
        underWay.clear();
        return;
      }
      const { source } = next;
      given = next;
      fill();
      yield {
        ...source,
        open: () => {
          if (!next.opened) begin(next);
          return next.opened!;
        },
      };
    }
  } finally {
    isEnded = true;
    queue.length = 0;
    given = undefined;
    for (const source of underWay) source.close();
    await coming.return?.();
  }
}

/** Sources asked for and not begun. */
const QUEUE_MAX = 64;

function releasing(source: LineSource, release: () => void): LineSource {
  let isHeld = true;
  return {
    next: () => source.next(),
    close: () => {
      source.close();
      if (!isHeld) return;
      isHeld = false;
      release();
    },
  };
}
