/**
 * A client for the recent-messages service (https://recent-messages.robotty.de/api): the last lines of a channel as
 * raw IRC, by which gaps are filled. It is somebody's free service: few requests at a time, spaced out, and what it
 * says about waiting is obeyed.
 *
 * Limits: a response of at most 8 MiB, 15 s a request, five attempts.
 */
import { setTimeout as sleepFor } from 'node:timers/promises';
import { errorText } from '../../lib/errors.ts';
import { Backoff } from '../supervisor.ts';

export type RecentMessages =
  /** `doubt`: the service is not in the channel now, so that later lines may be missing. */
  | { outcome: 'lines'; lines: string[]; doubt?: string }
  /** The service does not have this channel. */
  | { outcome: 'unavailable'; reason: string }
  /** The service could not be reached, or talked nonsense, time after time. */
  | { outcome: 'failed'; reason: string };

export interface RecentMessagesOptions {
  /** Without the channel: `https://recent-messages.robotty.de/api/v2/recent-messages`. */
  url: string;
  fetch?: typeof fetch;
  concurrency?: number;
  /** Shortest time between the starts of two requests. */
  spacingMs?: number;
  requestTimeoutMs?: number;
  attempts?: number;
  retryMinMs?: number;
  retryMaxMs?: number;
  random?: () => number;
}

/** The most that the service returns. */
export const LIMIT = 800;

const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** A service that asks for a longer pause is not waited for. */
const RETRY_AFTER_MAX_MS = 5 * 60_000;

class Unavailable extends Error {}

class TryLater extends Error {
  readonly waitMs: number;
  constructor(message: string, waitMs: number) {
    super(message);
    this.waitMs = waitMs;
  }
}

export class RecentMessagesClient {
  readonly #options: RecentMessagesOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  /** When the next request may start; monotonic. */
  #nextStartMs = 0;

  constructor(options: RecentMessagesOptions) {
    this.#options = options;
  }

  /** The channel's lines since `afterMs` (ms since the epoch), oldest first. Rejects on abort only. */
  async since(channel: string, afterMs: number, signal: AbortSignal): Promise<RecentMessages> {
    const { attempts = 5, retryMinMs = 1000, retryMaxMs = 30_000, random } = this.#options;
    const backoff = new Backoff({ minMs: retryMinMs, maxMs: retryMaxMs, ...(random ? { random } : {}) });
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#inTurn(() => this.#request(channel, afterMs, signal), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Unavailable) return { outcome: 'unavailable', reason: error.message };
        if (attempt >= attempts) return { outcome: 'failed', reason: errorText(fetchCause(error)) };
        const waitMs = Math.max(backoff.nextMs(), error instanceof TryLater ? error.waitMs : 0);
        await sleepFor(waitMs, undefined, { signal });
      }
    }
  }

  async #inTurn<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running >= (this.#options.concurrency ?? 2)) {
      await new Promise<void>((turn) => this.#waiting.push(turn));
    } else {
      this.#running++;
    }
    try {
      signal.throwIfAborted();
      const nowMs = performance.now();
      const startMs = Math.max(nowMs, this.#nextStartMs);
      this.#nextStartMs = startMs + (this.#options.spacingMs ?? 250);
      if (startMs > nowMs) await sleepFor(startMs - nowMs, undefined, { signal });
      return await action();
    } finally {
      // The place goes to the next in line, or becomes free.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #request(channel: string, afterMs: number, signal: AbortSignal): Promise<RecentMessages> {
    const { url, fetch: fetchFrom = fetch, requestTimeoutMs = 15_000 } = this.#options;
    const target = new URL(`${url.replace(/\/+$/, '')}/${encodeURIComponent(channel)}`);
    target.searchParams.set('limit', String(LIMIT));
    target.searchParams.set('after', String(Math.floor(afterMs)));
    const response = await fetchFrom(target, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(requestTimeoutMs)]),
      headers: { accept: 'application/json', 'user-agent': 'chatlog' },
    });
    const body = await boundedText(response);
    if (response.status === 429 || response.status === 503) {
      const waitMs = this.#askedToWait(response.headers.get('retry-after'));
      throw new TryLater(`HTTP ${response.status}`, waitMs);
    }
    return linesOf(response, body);
  }

  /** `Retry-After` is meant for all of us, not for one channel. */
  #askedToWait(header: string | null): number {
    if (!header) return 0;
    const seconds = Number(header);
    const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
    const waitMs = Math.min(Math.max(Number.isFinite(ms) ? ms : 0, 0), RETRY_AFTER_MAX_MS);
    this.#nextStartMs = Math.max(this.#nextStartMs, performance.now() + waitMs);
    return waitMs;
  }
}

function linesOf(response: Response, body: string): RecentMessages {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch (cause) {
    throw new Error(`HTTP ${response.status}, not JSON`, { cause });
  }
  if (typeof answer !== 'object' || answer === null) throw new Error('not an answer of recent-messages');
  const { messages, error, error_code: code } = answer as Record<string, unknown>;
  if (response.status >= 500) throw new Error(`HTTP ${response.status}`);
  const trouble =
    typeof code === 'string' ? `${code}${typeof error === 'string' ? `: ${error}` : ''}` : undefined;
  const lines = Array.isArray(messages)
    ? messages.filter((line): line is string => typeof line === 'string' && line !== '')
    : [];
  // A channel that the service has left, or is about to join, answers 200 with what it has, and says so.
  if (response.ok && lines.length > 0) {
    return trouble === undefined ? { outcome: 'lines', lines } : { outcome: 'lines', lines, doubt: trouble };
  }
  if (trouble !== undefined) throw new Unavailable(trouble);
  if (response.status === 404 || response.status === 400) throw new Unavailable(`HTTP ${response.status}`);
  if (!response.ok || !Array.isArray(messages)) throw new Error(`HTTP ${response.status}, no messages`);
  return { outcome: 'lines', lines };
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop cancels the body.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`the answer is longer than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What stands behind fetch's own `fetch failed`: the name that is unknown, the connection that was refused. */
function fetchCause(error: unknown): unknown {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
}
