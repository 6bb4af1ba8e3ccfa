/**
 * Threads for what takes a processor: decompressing, cutting, sorting, matching, formatting. A task goes at once to the
 * thread that has least to do, which may have several under way (streams wait most of the time): who gives tasks bounds
 * their number.
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Transferable } from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import type { Decision } from '../../privacy/decision.ts';
import type { TaskInput, TaskName, TaskOutput } from './tasks.ts';

/** To a thread. */
export interface TaskRequest {
  id: number;
  task: TaskName;
  input: unknown;
}

/** The thread takes no more and ends when it is done. */
export const END = 'end';

/** And back. */
export type TaskReply =
  | { id: number; value: unknown }
  | { id: number; error: { code: string; message: string; hint: string | undefined } };

/** What every thread knows from its beginning. */
export interface ThreadData {
  /** Whom not to show; none where everything is seen. */
  decisions: readonly Decision[];
}

interface Thread {
  worker: Worker;
  waiting: Map<number, PromiseWithResolvers<unknown>>;
}

const THREADS_MAX = 4;

/** One per core, at most four. */
export function threadCount(): number {
  return Math.max(1, Math.min(THREADS_MAX, availableParallelism()));
}

export class WorkerPool implements AsyncDisposable {
  readonly size: number;
  readonly #data: ThreadData;
  readonly #threads: Thread[] = [];
  #nextId = 1;
  #isClosing = false;

  /** Threads begin when there is something for them. */
  constructor({ size = threadCount(), decisions = [] }: { size?: number } & Partial<ThreadData> = {}) {
    this.size = size;
    this.#data = { decisions };
  }

  /**
   * What the task gives. Rejects with the task's ChatlogError, or `worker_failed` where its thread ended.
   * @param transfer buffers and ports of `input` that become the thread's
   */
  run<K extends TaskName>(
    task: K,
    input: TaskInput<K>,
    transfer: readonly Transferable[] = [],
  ): Promise<TaskOutput<K>> {
    const thread = this.#leastBusy();
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    thread.waiting.set(id, answer);
    // Something waits for the answer: the process must not end before it.
    thread.worker.ref();
    const request: TaskRequest = { id, task, input };
    thread.worker.postMessage(request, [...transfer]);
    return answer.promise as Promise<TaskOutput<K>>;
  }

  /**
   * Ends the threads once what is under way has ended: whoever gave it should have told it to. (A thread that is terminated
   * while it decompresses takes the process with it.)
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true;
    await Promise.all(
      this.#threads.map(async ({ worker }) => {
        const ended = once(worker, 'exit');
        worker.ref();
        worker.postMessage(END);
        await ended;
      }),
    );
  }

  #leastBusy(): Thread {
    if (this.#isClosing) throw new ChatlogError('worker_failed', 'the threads have ended');
    const idle = this.#threads.find(({ waiting }) => waiting.size === 0);
    if (idle) return idle;
    if (this.#threads.length < this.size) return this.#begin();
    return this.#threads.reduce((least, thread) =>
      thread.waiting.size < least.waiting.size ? thread : least,
    );
  }

  #begin(): Thread {
    // In the bundle the thread's program is a file of its own beside this one's directory.
    const here = import.meta.url;
    const program = here.endsWith('.ts') ? './archive-worker.ts' : '../archive-worker.js';
    const worker = new Worker(new URL(program, here), { name: 'archive', workerData: this.#data });
    const thread: Thread = { worker, waiting: new Map() };
    worker.on('message', (reply: TaskReply) => this.#settle(thread, reply));
    worker.on('error', (error) => this.#end(thread, error));
    worker.on('exit', () => this.#end(thread, new Error('its thread ended')));
    worker.unref();
    this.#threads.push(thread);
    return thread;
  }

  #end(thread: Thread, error: unknown): void {
    const index = this.#threads.indexOf(thread);
    if (index >= 0) this.#threads.splice(index, 1);
    const failure = new ChatlogError('worker_failed', errorText(error), { cause: error });
    for (const answer of thread.waiting.values()) answer.reject(failure);
    thread.waiting.clear();
  }

  #settle(thread: Thread, reply: TaskReply): void {
    const answer = thread.waiting.get(reply.id);
    thread.waiting.delete(reply.id);
    if (thread.waiting.size === 0 && !this.#isClosing) thread.worker.unref();
    if ('value' in reply) {
      answer?.resolve(reply.value);
      return;
    }
    const { code, message, hint } = reply.error;
    answer?.reject(new ChatlogError(code, message, hint === undefined ? {} : { hint }));
  }
}
