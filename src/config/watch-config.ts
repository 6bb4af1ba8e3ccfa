/**
 * Follows the configuration file while the service runs. The directory is watched, so that editors that replace a
 * file by rename and symlinks that are swapped (Kubernetes) are seen; a slow poll stands in where the system tells
 * nothing (network file systems, links into other directories, secret files elsewhere). A broken edit is reported
 * and changes nothing.
 */
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type LoadedConfig, type LoadResult, loadConfig } from './load-config.ts';
import type { Problem } from './problem.ts';

export interface WatchConfigOptions {
  file: string;
  /** What is in effect now: told of nothing that equals it. */
  current: LoadedConfig;
  env?: Readonly<Record<string, string | undefined>>;
  /** A configuration that is valid and differs from the one before. */
  onChange(loaded: LoadedConfig): void;
  /** The file is broken; told once per state of the file, and at every {@link ConfigWatcher.reload}. */
  onProblems(problems: Problem[]): void;
  /** The file was broken, and says again what is in effect. */
  onMended?(): void;
  pollIntervalMs?: number;
  /** A file is read when it has stayed the same for so long: editors write in several steps. */
  settleMs?: number;
  signal?: AbortSignal;
}

export interface ConfigWatcher extends AsyncDisposable {
  /** Reads the file now (SIGHUP); resolves when it was told. `unchanged`: valid and as before. */
  reload(): Promise<'changed' | 'unchanged' | 'broken'>;
}

/** Watches from now on; disposing or aborting ends it, and no callback comes after that. */
export function watchConfig(options: WatchConfigOptions): ConfigWatcher {
  return new FileConfigWatcher(options);
}

const POLL_INTERVAL_MS = 5_000;
const SETTLE_MS = 250;
/** A file that never stays the same is read all the same after so many tries. */
const SETTLE_TRIES = 20;

class FileConfigWatcher implements ConfigWatcher {
  readonly #options: WatchConfigOptions;
  readonly #stop = new AbortController();
  readonly #settleMs: number;
  readonly #poll: NodeJS.Timeout;
  #watcher: FSWatcher | undefined;
  #current: LoadedConfig;
  #files: string[];
  /** State of the files that was last read. */
  #seen: string | undefined;
  #told: Problem[] | undefined;
  #isBroken = false;
  /** Reads happen one after the other. */
  #tail: Promise<unknown> = Promise.resolve();
  #scheduled = false;

  constructor(options: WatchConfigOptions) {
    this.#options = options;
    this.#current = options.current;
    this.#files = options.current.files;
    this.#settleMs = options.settleMs ?? SETTLE_MS;
    this.#poll = setInterval(() => this.#schedule(), options.pollIntervalMs ?? POLL_INTERVAL_MS).unref();
    this.#watchDirectory();
    options.signal?.addEventListener('abort', () => this.#end(), { once: true });
    if (options.signal?.aborted) this.#end();
    // What changed between the first reading and now is found by comparing contents.
    else this.#schedule();
  }

  reload(): Promise<'changed' | 'unchanged' | 'broken'> {
    return this.#inTurn(async () => {
      this.#seen = await this.#fingerprint();
      this.#told = undefined;
      return this.#read();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
    await this.#tail.catch(() => {});
  }

  #end(): void {
    this.#stop.abort();
    clearInterval(this.#poll);
    this.#watcher?.close();
  }

  #watchDirectory(): void {
    try {
      this.#watcher = watch(dirname(resolve(this.#options.file)), { persistent: false }, () =>
        this.#schedule(),
      );
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // Out of watches, or no such file system: the poll remains.
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#stop.signal.aborted) return;
    this.#scheduled = true;
    this.#inTurn(() => {
      // What is told from here on may come too late for this reading: it gets one of its own.
      this.#scheduled = false;
      return this.#readIfTouched();
    }).catch(() => {});
  }

  async #readIfTouched(): Promise<void> {
    let state = await this.#fingerprint();
    if (state === this.#seen) return;
    for (let tries = 0; tries < SETTLE_TRIES; tries++) {
      await sleep(this.#settleMs, undefined, { signal: this.#stop.signal, ref: false });
      const later = await this.#fingerprint();
      if (later === state) break;
      state = later;
    }
    this.#seen = state;
    await this.#read();
  }

  async #read(): Promise<'changed' | 'unchanged' | 'broken'> {
    const result: LoadResult = await loadConfig(this.#options.file, this.#options.env);
    this.#stop.signal.throwIfAborted();
    this.#files = result.files;
    if (!result.ok) {
      if (!isDeepStrictEqual(result.problems, this.#told)) this.#options.onProblems(result.problems);
      this.#told = result.problems;
      this.#isBroken = true;
      return 'broken';
    }
    const wasBroken = this.#isBroken;
    this.#told = undefined;
    this.#isBroken = false;
    if (
      isDeepStrictEqual(result.config, this.#current.config) &&
      isDeepStrictEqual(result.secrets, this.#current.secrets)
    ) {
      if (wasBroken) this.#options.onMended?.();
      return 'unchanged';
    }
    this.#current = result;
    this.#options.onChange(result);
    return 'changed';
  }

  async #fingerprint(): Promise<string> {
    const states = await Promise.all(
      this.#files.map((file) =>
        stat(file, { bigint: true }).then(
          ({ dev, ino, size, mtimeNs, ctimeNs }) => `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`,
          () => 'missing',
        ),
      ),
    );
    return states.join('|');
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work, work);
    this.#tail = turn.catch(() => {});
    return turn;
  }
}
