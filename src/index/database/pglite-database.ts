/**
 * PGlite: PostgreSQL as WebAssembly, with its files below `data_dir`. The default where no `database_url` is given.
 *
 * It has one connection: pieces of work wait for each other, in the order in which they came. It does not sync its
 * files; what a power loss takes from them the archive brings back (`chatlog index --rebuild`).
 */
import { Worker } from 'node:worker_threads';
import { ChatlogError, errorText } from '../../lib/errors.ts';
import { makeDirectory } from '../../lib/make-directory.ts';
import type { Connection, Database, QueryAnswer, Session, SessionOptions } from './database.ts';
import { explainDatabaseError } from './database-error.ts';
import { kyselySession } from './kysely-session.ts';
import type { PgliteReply, PgliteRequest } from './pglite-worker.ts';

type Request = PgliteRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never;

/** COPY goes to the thread in pieces of about this size. */
const COPY_BYTES = 4 * 1024 * 1024;

/**
 * Opens (first: creates, some seconds) lazily: what is wrong is said by the first use. `onEnded`: its thread ended by
 * itself, and every use from now on is `database_unavailable`.
 */
export async function createPgliteDatabase(directory: string, onEnded = () => {}): Promise<Database> {
  await makeDirectory(directory);
  const thread = new PgliteThread(directory, onEnded);
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const mine = turn.then(action);
    turn = mine.catch(() => {});
    return mine;
  };
  const held =
    (begin: string | undefined) =>
    <T>(work: (session: Session) => Promise<T>, { signal }: SessionOptions = {}): Promise<T> =>
      inTurn(async () => {
        signal?.throwIfAborted();
        const session = kyselySession(thread);
        if (begin === undefined) return work(session);
        await thread.exec(begin);
        try {
          const result = await work(session);
          signal?.throwIfAborted();
          await thread.exec('COMMIT');
          return result;
        } catch (error) {
          await thread.exec('ROLLBACK').catch(() => {});
          throw error;
        }
      });
  return {
    kind: 'pglite',
    name: `PGlite in ${directory}`,
    transaction: held('BEGIN'),
    read: held('BEGIN READ ONLY'),
    session: held(undefined),
    [Symbol.asyncDispose]: () => inTurn(() => thread.close()),
  };
}

class PgliteThread implements Connection {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<QueryAnswer>>();
  readonly #onEnded: () => void;
  #nextId = 1;
  #ended: unknown;
  #isClosing = false;

  constructor(directory: string, onEnded: () => void) {
    this.#onEnded = onEnded;
    // In the bundle the thread's program is a file of its own beside this one's directory.
    const here = import.meta.url;
    const program = here.endsWith('.ts') ? './pglite-worker.ts' : '../pglite-worker.js';
    this.#worker = new Worker(new URL(program, here), { workerData: { directory }, name: 'pglite' });
    this.#worker.on('message', (reply: PgliteReply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#end(error));
    this.#worker.on('exit', () => this.#end(new Error('its thread ended')));
    // The process ends when its work is done, not when its database has nothing more to say.
    this.#worker.unref();
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<QueryAnswer> {
    return this.#ask({ kind: 'query', sql, parameters });
  }

  async exec(sql: string): Promise<void> {
    await this.#ask({ kind: 'exec', sql });
  }

  async copyIn(target: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<number> {
    let rows = 0;
    let held: Uint8Array[] = [];
    let bytes = 0;
    const send = async () => {
      const { rowCount } = await this.#ask({ kind: 'copy', target, rows: Buffer.concat(held) });
      rows += rowCount;
      held = [];
      bytes = 0;
    };
    for await (const chunk of chunks) {
      held.push(chunk);
      bytes += chunk.length;
      if (bytes >= COPY_BYTES) await send();
    }
    if (bytes > 0) await send();
    return rows;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#ended === undefined) await this.#ask({ kind: 'close' }).catch(() => {});
    await this.#worker.terminate();
  }

  #ask(request: Request): Promise<QueryAnswer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const id = this.#nextId++;
    const answer = Promise.withResolvers<QueryAnswer>();
    this.#waiting.set(id, answer);
    // Something waits for the answer: the process must not end before it.
    this.#worker.ref();
    this.#worker.postMessage({ ...request, id });
    return answer.promise;
  }

  #settle(reply: PgliteReply): void {
    const answer = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('error' in reply) {
      const { message, ...rest } = reply.error;
      answer?.reject(explainDatabaseError(Object.assign(new Error(message), rest)));
    } else answer?.resolve({ rows: reply.rows, rowCount: reply.rowCount });
  }

  #end(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = new ChatlogError('database_unavailable', `PGlite: ${errorText(error)}`, {
      retryable: true,
      cause: error,
    });
    for (const answer of this.#waiting.values()) answer.reject(this.#ended);
    this.#waiting.clear();
    if (!this.#isClosing) this.#onEnded();
  }
}
