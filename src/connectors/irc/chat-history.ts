/**
 * History that the server itself keeps: https://ircv3.net/specs/extensions/chathistory (draft). One request at a time
 * per connection; the answer is a batch. Batches that nobody asked for (playback at the join) are handed on as well.
 *
 * Which batch is the answer: with labeled-response the one that carries the request's label, or lies in a batch that
 * does. Without it, one of the request's channel that began after the request, with nothing older than was asked for;
 * everything else is playback.
 *
 * Limits: {@link LINES_MAX} lines and {@link CHARS_MAX} characters in all open batches together. What goes beyond is
 * handed on before its batch has ended.
 */
import { parseTags, splitIrcLine } from '../irc-line.ts';

export type HistoryAnswer =
  | { outcome: 'lines'; lines: string[] }
  | { outcome: 'unavailable'; reason: string }
  | { outcome: 'failed'; reason: string };

export interface ChatHistoryOptions {
  send(line: string): void;
  fold(name: string): string;
  /** Whether `labeled-response` is in effect. */
  isLabeled(): boolean;
  /** Lines of a playback that nobody asked for. `channel` is as the server spells it. */
  playback(channel: string, lines: string[]): void;
  timeoutMs?: number;
}

export interface HistoryQuery {
  channel: string;
  /** `timestamp=...` or `msgid=...`: what comes after it is asked for. */
  point: string;
  /** No line of the answer is older than this, ms since the epoch. */
  sinceMs: number;
  /** Lines at most. */
  limit: number;
}

interface Request {
  query: HistoryQuery;
  label: string;
  answer(answer: HistoryAnswer): void;
}

interface Batch {
  channel: string;
  /** Which it may be the answer to. */
  request: Request | undefined;
  lines: string[];
  chars: number;
}

const TIMEOUT_MS = 30_000;
export const LINES_MAX = 10_000;
export const CHARS_MAX = 8 * 1024 * 1024;
/** Servers open few at a time; of more, the oldest is taken for ended. */
const BATCHES_MAX = 100;
/** Some servers cut their times to seconds. */
const TIME_TOLERANCE_MS = 1000;

export class ChatHistory {
  readonly #options: ChatHistoryOptions;
  /** Oldest first. */
  readonly #batches = new Map<string, Batch>();
  /** Of all open batches together. */
  #lines = 0;
  #chars = 0;
  #request: Request | undefined;
  #requests = 0;
  /** The `labeled-response` batch in which the answer lies. */
  #labeledBatch: string | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: ChatHistoryOptions) {
    this.#options = options;
  }

  /** Asks for what came after a point. Rejects on abort only. */
  after(query: HistoryQuery, signal: AbortSignal): Promise<HistoryAnswer> {
    const result = this.#turn.then(() => this.#ask(query, signal));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #ask(query: HistoryQuery, signal: AbortSignal): Promise<HistoryAnswer> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<HistoryAnswer>();
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(
      () => resolve({ outcome: 'failed', reason: 'the server did not answer' }),
      this.#options.timeoutMs ?? TIMEOUT_MS,
    );
    const label = `history${++this.#requests}`;
    this.#request = { query, label, answer: resolve };
    this.#labeledBatch = undefined;
    const { channel, point, limit } = query;
    const labelTag = this.#options.isLabeled() ? `@label=${label} ` : '';
    this.#options.send(`${labelTag}CHATHISTORY AFTER ${channel} ${point} ${limit}`);
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
    const { tags, params } = splitIrcLine(line);
    const [mark = '', type = '', channel = ''] = params;
    const reference = mark.slice(1);
    if (mark.startsWith('-')) {
      this.#end(reference);
    } else if (mark.startsWith('+')) {
      const { label, batch: outer } = parseTags(tags) ?? {};
      const isLabeled = label !== undefined && label === this.#request?.label;
      if (type === 'labeled-response' && isLabeled) this.#labeledBatch = reference;
      if (type !== 'chathistory' && type !== 'draft/chathistory') return;
      const isInside = outer !== undefined && outer === this.#labeledBatch;
      this.#begin(reference, channel, isLabeled || isInside);
    }
  }

  /** Takes a line that belongs to a batch of history; false = it is live. */
  take(line: string): boolean {
    if (this.#batches.size === 0 || line.charCodeAt(0) !== 0x40) return false;
    const match = /(?:^@|;)batch=([^; ]*)/.exec(line.slice(0, line.indexOf(' ')));
    const batch = match ? this.#batches.get(match[1]!) : undefined;
    if (!batch) return false;
    batch.lines.push(line);
    batch.chars += line.length;
    this.#lines += 1;
    this.#chars += line.length;
    if (this.#lines > LINES_MAX || this.#chars > CHARS_MAX) this.#handOn(batch);
    return true;
  }

  /** `FAIL CHATHISTORY <code> ... :text`. */
  failed(params: readonly string[]): void {
    if (params[0] === 'CHATHISTORY') {
      this.#answer({ outcome: 'unavailable', reason: params.slice(1).join(' ') });
    }
  }

  /** ACK: the server has nothing to say to a request with a label. */
  acknowledged(line: string): void {
    const label = parseTags(splitIrcLine(line).tags)?.label;
    if (label !== undefined && label === this.#request?.label) this.#answer({ outcome: 'lines', lines: [] });
  }

  #begin(reference: string, channel: string, isAnswer: boolean): void {
    const { isLabeled, fold } = this.#options;
    const request = this.#request;
    const mayAnswer = isLabeled() ? isAnswer : request && fold(request.query.channel) === fold(channel);
    this.#end(reference);
    for (const oldest of this.#batches.keys()) {
      if (this.#batches.size < BATCHES_MAX) break;
      this.#end(oldest);
    }
    this.#batches.set(reference, { channel, request: mayAnswer ? request : undefined, lines: [], chars: 0 });
  }

  #end(reference: string): void {
    const batch = this.#batches.get(reference);
    if (batch) {
      this.#batches.delete(reference);
      this.#handOn(batch);
    } else if (reference === this.#labeledBatch) {
      // Nothing in it was history, and nothing more will come.
      this.#answer({ outcome: 'lines', lines: [] });
    }
  }

  /** What the batch holds, to whom it belongs; what may follow in it is playback then. */
  #handOn(batch: Batch): void {
    const { channel, request, lines } = batch;
    this.#lines -= lines.length;
    this.#chars -= batch.chars;
    batch.lines = [];
    batch.chars = 0;
    batch.request = undefined;
    if (request && request === this.#request && this.#isInRange(lines, request.query.sinceMs)) {
      this.#answer({ outcome: 'lines', lines });
    } else if (lines.length > 0) {
      this.#options.playback(channel, lines);
    }
  }

  /** A label says more than times do. */
  #isInRange(lines: readonly string[], sinceMs: number): boolean {
    if (this.#options.isLabeled()) return true;
    return lines.every((line) => {
      const time = /^@(?:[^ ]*;)?time=([^; ]*)/.exec(line)?.[1];
      return time === undefined || !(Date.parse(time) < sinceMs - TIME_TOLERANCE_MS);
    });
  }

  #answer(answer: HistoryAnswer): void {
    const request = this.#request;
    // The next batch in the same read is not the answer any more.
    this.#request = undefined;
    this.#labeledBatch = undefined;
    request?.answer(answer);
  }
}
