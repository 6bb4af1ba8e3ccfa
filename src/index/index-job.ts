/** Indexing that somebody asked a running instance for: one at a time, beside what it does anyway. */
import { ChatlogError, errorText } from '../lib/errors.ts';
import type { Indexer, IndexProgress, IndexRequest } from './indexer.ts';

export interface IndexJob {
  state: 'running' | 'done' | 'failed';
  request: IndexRequest;
  /** Milliseconds since the epoch. */
  startedMs: number;
  endedMs: number | undefined;
  progress: IndexProgress | undefined;
  /** Why it failed. What was done until then stays; asking again goes on from there. */
  error: string | undefined;
}

export class IndexJobs {
  readonly #indexer: Pick<Indexer, 'indexOnce'>;
  readonly #now: () => number;
  readonly #stopping = new AbortController();
  #last: IndexJob | undefined;

  constructor(indexer: Pick<Indexer, 'indexOnce'>, now: () => number) {
    this.#indexer = indexer;
    this.#now = now;
  }

  /** The one under way, else the last one; undefined where there was none. */
  get last(): IndexJob | undefined {
    return this.#last;
  }

  /** Begins it. Throws `index_busy` while another one is under way. */
  start(request: IndexRequest): IndexJob {
    if (this.#last?.state === 'running')
      throw new ChatlogError('index_busy', 'indexing is under way already', { retryable: true });
    const job: IndexJob = {
      ...{ state: 'running', request, startedMs: this.#now() },
      ...{ endedMs: undefined, progress: undefined, error: undefined },
    };
    this.#last = job;
    const onProgress = (progress: IndexProgress) => {
      job.progress = progress;
    };
    void this.#indexer.indexOnce(request, this.#stopping.signal, onProgress).then(
      (progress) => Object.assign(job, { state: 'done', progress, endedMs: this.#now() }),
      (error: unknown) =>
        Object.assign(job, { state: 'failed', error: errorText(error), endedMs: this.#now() }),
    );
    return job;
  }

  /** Breaks off what is under way. */
  stop(): void {
    this.#stopping.abort(new ChatlogError('stopping', 'chatlog is stopping'));
  }
}
