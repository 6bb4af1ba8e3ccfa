/**
 * History that the server itself keeps: https://ircv3.net/specs/extensions/chathistory (draft). One request at a time
 * per connection; the answer is a batch. Batches that nobody asked for (playback at the join) are handed on as well.
 */
import { splitIrcLine } from '../irc-line.ts';

export type HistoryAnswer =
  | { outcome: 'lines'; lines: string[] }
  | { outcome: 'unavailable'; reason: string }
  | { outcome: 'failed'; reason: string };

export interface ChatHistoryOptions {
  send(line: string): void;
  fold(name: string): string;
  /** Lines of a playback that nobody asked for. */
  playback(lines: string[]): void;
  timeoutMs?: number;
}

interface Request {
  channel: string;
  answer(answer: HistoryAnswer): void;
}

interface Batch {
  channel: string;
  lines: string[];
}

const TIMEOUT_MS = 30_000;
/** A batch that never ends must not collect for ever. */
const BATCH_LINES_MAX = 10_000;
const BATCHES_MAX = 100;

export class ChatHistory {
  readonly #options: ChatHistoryOptions;
  readonly #batches = new Map<string, Batch>();
  #request: Request | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ChatHistoryOptions) {
    this.#options = options;
  }

  /** Asks for at most `limit` lines after a point: `timestamp=...` or `msgid=...`. Rejects on abort only. */
  after(channel: string, point: string, limit: number, signal: AbortSignal): Promise<HistoryAnswer> {
    const result = this.#turn.then(() => this.#ask(channel, point, limit, signal));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #ask(channel: string, point: string, limit: number, signal: AbortSignal): Promise<HistoryAnswer> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<HistoryAnswer>();
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(
      () => resolve({ outcome: 'failed', reason: 'the server did not answer' }),
      this.#options.timeoutMs ?? TIMEOUT_MS,
    );
    this.#request = { channel: this.#options.fold(channel), answer: resolve };
    this.#options.send(`CHATHISTORY AFTER ${channel} ${point} ${limit}`);
    try {
      return await Promise.race([promise, aborted.promise]);
    } finally {
      this.#request = undefined;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** A BATCH line came. */
  batch(line: string): void {
    const { params } = splitIrcLine(line);
    const [mark = '', type, channel = ''] = params;
    const reference = mark.slice(1);
    if (mark.startsWith('+') && (type === 'chathistory' || type === 'draft/chathistory')) {
      if (this.#batches.size < BATCHES_MAX) {
        this.#batches.set(reference, { channel: this.#options.fold(channel), lines: [] });
      }
    } else if (mark.startsWith('-')) {
      this.#finish(reference);
    }
  }

  /** Takes a line that belongs to a batch of history; false = it is live. */
  take(line: string): boolean {
    if (this.#batches.size === 0 || line.charCodeAt(0) !== 0x40) return false;
    const match = /(?:^@|;)batch=([^; ]*)/.exec(line.slice(0, line.indexOf(' ')));
    const batch = match ? this.#batches.get(match[1]!) : undefined;
    if (!batch) return false;
    batch.lines.push(line);
    if (batch.lines.length > BATCH_LINES_MAX) this.#finish(match![1]!);
    return true;
  }

  /** `FAIL CHATHISTORY <code> ... :text`. */
  failed(params: readonly string[]): void {
    if (params[0] === 'CHATHISTORY') {
      this.#request?.answer({ outcome: 'unavailable', reason: params.slice(1).join(' ') });
    }
  }

  #finish(reference: string): void {
    const batch = this.#batches.get(reference);
    if (!batch) return;
    this.#batches.delete(reference);
    if (this.#request?.channel === batch.channel)
      this.#request.answer({ outcome: 'lines', lines: batch.lines });
    else this.#options.playback(batch.lines);
  }
}
