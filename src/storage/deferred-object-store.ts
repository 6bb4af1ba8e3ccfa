/**
 * A store that is made when it is first needed, and again at the next call where that failed: recording starts
 * whether the storage can be reached or not, and nothing of it (the S3 SDK) is loaded before there is something to
 * upload. The maker rejects with what is wrong, as the call does then.
 */
import { abortable } from '../lib/abortable.ts';
import { ChatlogError, errorText } from '../lib/errors.ts';
import type {
  ObjectBody,
  ObjectHead,
  ObjectStore,
  OpenedObject,
  PutOutcome,
  ReplaceOutcome,
} from './object-store.ts';

export interface DeferredStoreOptions {
  name: string;
  concurrencyMax?: number;
  /** As {@link ObjectStore.directory}. */
  directory?: string;
  /** Whether the store that is made has {@link ObjectStore.presign}. */
  presigns?: boolean;
  create(): Promise<ObjectStore>;
}

export function deferredObjectStore(options: DeferredStoreOptions): ObjectStore {
  return new DeferredObjectStore(options);
}

class DeferredObjectStore implements ObjectStore {
  readonly name: string;
  readonly directory?: string;
  readonly concurrencyMax?: number;
  readonly presign?: (key: string, seconds: number) => Promise<string>;
  readonly #create: () => Promise<ObjectStore>;
  #store: Promise<ObjectStore> | undefined;

  constructor({ name, directory, concurrencyMax, presigns, create }: DeferredStoreOptions) {
    this.name = name;
    this.directory = directory;
    this.concurrencyMax = concurrencyMax;
    this.#create = create;
    if (presigns) {
      const never = new AbortController().signal;
      this.presign = async (key, seconds) => (await this.#made(never)).presign!(key, seconds);
    }
  }

  async put(key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome> {
    return (await this.#made(signal)).put(key, body, signal);
  }

  async replace(
    key: string,
    body: ObjectBody,
    expectedObjectSha256: string,
    signal: AbortSignal,
  ): Promise<ReplaceOutcome> {
    return (await this.#made(signal)).replace(key, body, expectedObjectSha256, signal);
  }

  async overwrite(key: string, body: ObjectBody, signal: AbortSignal): Promise<void> {
    await (await this.#made(signal)).overwrite(key, body, signal);
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    await (await this.#made(signal)).remove(key, signal);
  }

  async head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined> {
    return (await this.#made(signal)).head(key, signal);
  }

  async open(key: string, signal: AbortSignal): Promise<OpenedObject> {
    return (await this.#made(signal)).open(key, signal);
  }

  async *get(key: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    yield* (await this.#made(signal)).get(key, signal);
  }

  async *list(prefix: string, signal: AbortSignal): AsyncIterable<{ key: string; bytes: number }> {
    yield* (await this.#made(signal)).list(prefix, signal);
  }

  async check(signal: AbortSignal): Promise<void> {
    await (await this.#made(signal)).check(signal);
  }

  async sweep(signal: AbortSignal): Promise<number> {
    return (await (await this.#made(signal)).sweep?.(signal)) ?? 0;
  }

  close(): void {
    void this.#store?.then(
      (store) => store.close(),
      () => {},
    );
  }

  async #made(signal: AbortSignal): Promise<ObjectStore> {
    this.#store ??= this.#create();
    const making = this.#store;
    try {
      return await abortable(making, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.#store === making) this.#store = undefined;
      if (error instanceof ChatlogError) throw error;
      throw new ChatlogError('storage_unusable', `${this.name}: ${errorText(error)}`, {
        retryable: true,
        cause: error,
        hint: 'check the path, its permissions and the certificate file',
      });
    }
  }
}
