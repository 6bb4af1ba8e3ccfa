/** Inspects stored objects in threads. What fails on the way is tried again; what comes out damaged is read again, too. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { abortable } from '../../lib/abortable.ts';
import { ChatlogError } from '../../lib/errors.ts';
import { parseSegmentFile } from '../../segment-name.ts';
import type { ObjectHead, ObjectStore } from '../../storage/object-store.ts';
import type { StoredSegment } from '../../storage/read-segment.ts';
import { isDayObject, segmentSpan } from '../../storage/segment-span.ts';
import { pauseAfter } from '../fetch-object.ts';
import type { WorkerPool } from '../scan/worker-pool.ts';
import type { Inspection, InspectRules } from './inspect-object.ts';
import type { Piece } from './inspect-task.ts';

export interface InspectedObject {
  head: ObjectHead;
  inspection: Inspection;
}

/**
 * Undefined where the object is not there. Rejects with what the storage said last.
 * @param isExpected whether it is as it should be; else it is read until it comes out the same twice
 */
export async function inspectStored(
  { store, pool }: { store: Pick<ObjectStore, 'open'>; pool: WorkerPool },
  segment: StoredSegment,
  isExpected: (inspected: InspectedObject) => boolean,
  signal: AbortSignal,
): Promise<InspectedObject | undefined> {
  const rules = rulesOf(segment);
  let before: string | undefined;
  for (let attempt = 1; ; attempt++) {
    try {
      const inspected = await inspectOnce(store, pool, segment.key, rules, signal);
      const digest = inspected.inspection.objectSha256;
      if (digest === before || isExpected(inspected)) return inspected;
      before = digest;
    } catch (error) {
      if (error instanceof ChatlogError && error.code === 'object_missing') return undefined;
      await pauseAfter(error, attempt, signal);
    }
  }
}

async function inspectOnce(
  store: Pick<ObjectStore, 'open'>,
  pool: WorkerPool,
  key: string,
  rules: InspectRules,
  signal: AbortSignal,
): Promise<InspectedObject> {
  const { body, ...head } = await store.open(key, signal);
  const { port1: here, port2: there } = new MessageChannel();
  const asks = asksOf(here);
  const inspection = pool.run('inspect', { rules, port: there }, [there]);
  inspection.catch(() => {});
  const send = async (piece: Piece): Promise<void> => {
    await abortable(Promise.race([asks.next(), inspection]), signal);
    here.postMessage(piece, piece === null ? [] : [piece.buffer as ArrayBuffer]);
  };
  try {
    for await (const chunk of body) await send(new Uint8Array(chunk));
    await send(null);
    return { head, inspection: await abortable(inspection, signal) };
  } finally {
    here.close();
  }
}

/** Each `next` resolves when the thread asks for one more piece. */
function asksOf(port: MessagePort): { next(): Promise<void> } {
  let asked = 0;
  let wake = () => {};
  port.on('message', () => {
    asked++;
    wake();
  });
  return {
    async next() {
      while (asked === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      asked--;
    },
  };
}

function rulesOf(segment: StoredSegment): InspectRules {
  const { key, platform, channel } = segment;
  const { compression } = parseSegmentFile(key.slice(key.lastIndexOf('/') + 1))!;
  return { platform, channel, ...segmentSpan(segment), isSorted: isDayObject(segment), compression };
}
