/**
 * What was received lately, from the recorder's own files: for who wants to see how it came to this, or was away for longer
 * than the feed remembers.
 *
 * Bounds: the latest {@link LINES_MAX} lines and {@link CHARS_MAX}; files whose hour is too old are not opened.
 */
import { createReadStream } from 'node:fs';
import type { ChatEvent } from '../../event.ts';
import { LocalListing } from '../../index/sources/local-listing.ts';
import { decompress } from '../../lib/decompress.ts';
import { splitLines } from '../../lib/split-lines.ts';
import { isMissing } from '../../lib/system-error.ts';
import type { Spool } from '../../spool.ts';
import { segmentSpan } from '../../storage/segment-span.ts';

export interface RecentLine {
  receivedMs: number;
  event: ChatEvent;
  /** Without its line end. */
  line: string;
}

export interface RecentLines {
  /** In the order in which they were received. */
  lines: RecentLine[];
  /** Older ones, that were too many. */
  dropped: number;
}

const LINES_MAX = 10_000;
const CHARS_MAX = 8 * 1024 * 1024;
const LINE_BYTES_MAX = 1024 * 1024;
/** A file moves on while it is looked for. */
const LOOKS_MAX = 3;

/** Lines that were received at this time or later, of what is on the disk now. */
export async function recentLines(
  spool: Spool,
  sinceMs: number,
  wants: (event: ChatEvent) => boolean,
  signal: AbortSignal,
): Promise<RecentLines> {
  const found = new Newest();
  const done = new Set<string>();
  const listing = new LocalListing(spool, Date.now);
  for (let look = 0; look < LOOKS_MAX; look++) {
    let hasMoved = false;
    for (const [base, { directory, file, name }] of await listing.look(signal)) {
      if (done.has(base) || segmentSpan(name).toMs < sinceMs) continue;
      try {
        for await (const event of eventsOf(spool.path(directory, file), name.compression)) {
          signal.throwIfAborted();
          const receivedMs = Date.parse(event.event.received_at ?? event.event.timestamp);
          if (receivedMs >= sinceMs && wants(event.event)) found.add({ ...event, receivedMs });
        }
        done.add(base);
      } catch (error) {
        if (!isMissing(error)) throw error;
        hasMoved = true;
      }
    }
    if (!hasMoved) break;
  }
  return found.result();
}

async function* eventsOf(
  path: string,
  compression: 'none' | 'gzip' | 'zstd',
): AsyncGenerator<{ event: ChatEvent; line: string }> {
  for await (const bytes of splitLines(decompress(createReadStream(path), compression), LINE_BYTES_MAX)) {
    const line = bytes.toString('utf8');
    const event = parsed(line);
    if (event) yield { event, line };
  }
}

/** Undefined where it is not a whole line: the last one of a file that is being written may be cut. */
function parsed(line: string): ChatEvent | undefined {
  try {
    const value = JSON.parse(line) as Partial<ChatEvent> | null;
    return typeof value?.timestamp === 'string' && typeof value.platform === 'string'
      ? (value as ChatEvent)
      : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps the newest of what it is given. */
class Newest {
  #lines: RecentLine[] = [];
  #chars = 0;
  #dropped = 0;

  add(line: RecentLine): void {
    this.#lines.push(line);
    this.#chars += line.line.length;
    if (this.#lines.length > 2 * LINES_MAX || this.#chars > 2 * CHARS_MAX) this.#trim();
  }

  result(): RecentLines {
    this.#trim();
    return { lines: this.#lines, dropped: this.#dropped };
  }

  #trim(): void {
    this.#lines.sort((a, b) => a.receivedMs - b.receivedMs);
    let drop = Math.max(0, this.#lines.length - LINES_MAX);
    for (let index = 0; index < drop; index++) this.#chars -= this.#lines[index]!.line.length;
    while (this.#chars > CHARS_MAX) this.#chars -= this.#lines[drop++]!.line.length;
    this.#lines.splice(0, drop);
    this.#dropped += drop;
  }
}
