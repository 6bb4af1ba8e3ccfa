/** Asking a storage that is in trouble for a moment: again, after a while, a few times. */
import type { ObjectStore } from '../storage/object-store.ts';
import { pauseAfter } from './fetch-object.ts';

/** What the work gives; throws its last failure, or one at once that trying again does not change. */
export async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      await pauseAfter(error, attempt, signal);
    }
  }
}

/** A listing that goes on where it broke off: keys come in their order. */
export async function* listPatiently(
  store: Pick<ObjectStore, 'list'>,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<{ key: string; bytes: number }> {
  let last = '';
  for (let attempt = 1; ; attempt++) {
    try {
      for await (const object of store.list(prefix, signal)) {
        if (last !== '' && Buffer.compare(Buffer.from(object.key), Buffer.from(last)) <= 0) continue;
        last = object.key;
        attempt = 1;
        yield object;
      }
      return;
    } catch (error) {
      await pauseAfter(error, attempt, signal);
    }
  }
}
