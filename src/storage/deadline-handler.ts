/**
 * One deadline over each HTTP attempt, from the first byte of the request to the last of the response. The SDK has
 * none: its timeouts watch for silence only, and a server that drips is never silent.
 */
import { Readable } from 'node:stream';
import type { NodeHttpHandler } from '@smithy/node-http-handler';

type Handle = NodeHttpHandler['handle'];

/** Not one of the names that the SDK retries: so long a wait is for the outer loop to repeat. */
class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

export class DeadlineHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #inner: NodeHttpHandler;
  readonly #deadlineMs: number;

  constructor(inner: NodeHttpHandler, deadlineMs: number) {
    this.#inner = inner;
    this.#deadlineMs = deadlineMs;
  }

  async handle(...[request, options = {}]: Parameters<Handle>): ReturnType<Handle> {
    const deadline = new AbortController();
    const error = new DeadlineError(`no outcome within ${this.#deadlineMs / 1000} s`);
    const timer = setTimeout(() => deadline.abort(error), this.#deadlineMs);
    const outer = options.abortSignal as AbortSignal | undefined;
    const signal = outer ? AbortSignal.any([outer, deadline.signal]) : deadline.signal;
    try {
      const result = await this.#inner.handle(request, { ...options, abortSignal: signal });
      const body: unknown = result.response.body;
      if (body instanceof Readable && !body.closed) superviseBody(body, signal, timer);
      else clearTimeout(timer);
      return result;
    } catch (thrown) {
      clearTimeout(timer);
      throw deadline.signal.aborted && !outer?.aborted ? error : thrown;
    }
  }

  destroy(): void {
    this.#inner.destroy();
  }

  updateHttpClientConfig(...args: Parameters<NodeHttpHandler['updateHttpClientConfig']>): void {
    this.#inner.updateHttpClientConfig(...args);
  }

  httpHandlerConfigs(): ReturnType<NodeHttpHandler['httpHandlerConfigs']> {
    return this.#inner.httpHandlerConfigs();
  }
}

function superviseBody(body: Readable, signal: AbortSignal, timer: NodeJS.Timeout): void {
  const onAbort = (): void => {
    body.destroy(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  body.once('close', () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  });
}
