/**
 * Finds the gap lines in a stream of lines without parsing the others: by their bytes `"type":"gap"`, which can stand in a
 * line unescaped only as a member of it. Memory: a chunk, and a line that goes on in the next one (1 MiB; a longer line is
 * no gap).
 */
import { type ChatEvent, eventType } from '../../event.ts';
import type { ManifestGap } from './manifest.ts';

const MARK = Buffer.from('"type":"gap"');
const NEWLINE = 0x0a;
const LINE_BYTES_MAX = 1024 * 1024;

export class GapScanner {
  readonly gaps: ManifestGap[] = [];
  #rest: Buffer = Buffer.alloc(0);
  /** In the middle of a line that was too long to keep. */
  #isSkipping = false;

  /** The chunk may be reused by the caller afterwards. */
  update(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#isSkipping) {
      const end = bytes.indexOf(NEWLINE);
      if (end < 0) return;
      this.#isSkipping = false;
      bytes = bytes.subarray(end + 1);
    }
    if (this.#rest.length > 0) bytes = Buffer.concat([this.#rest, bytes]);
    const whole = bytes.lastIndexOf(NEWLINE) + 1;
    this.#scan(bytes.subarray(0, whole));
    const rest = bytes.subarray(whole);
    this.#isSkipping = rest.length > LINE_BYTES_MAX;
    this.#rest = this.#isSkipping ? Buffer.alloc(0) : Buffer.from(rest);
  }

  /** The gaps of all lines, in their order. */
  finish(): ManifestGap[] {
    this.#scan(this.#rest);
    this.#rest = Buffer.alloc(0);
    return this.gaps;
  }

  #scan(lines: Buffer): void {
    for (let at = lines.indexOf(MARK); at >= 0; ) {
      const start = lines.lastIndexOf(NEWLINE, at) + 1;
      const next = lines.indexOf(NEWLINE, at);
      const end = next < 0 ? lines.length : next;
      const gap = gapOfLine(lines.toString('utf8', start, end));
      if (gap) this.gaps.push(gap);
      at = lines.indexOf(MARK, end);
    }
  }
}

/** Undefined where the event is no gap, or not one of the format. */
export function manifestGap(event: ChatEvent): ManifestGap | undefined {
  const { channel, timestamp, reason, gap } = event;
  if (eventType(event) !== 'gap' || typeof gap !== 'object' || gap === null) return undefined;
  const { until, backfill, filled, dropped } = gap;
  if (typeof channel !== 'string' || typeof timestamp !== 'string' || typeof until !== 'string')
    return undefined;
  return {
    ...{ channel, timestamp, until },
    reason: typeof reason === 'string' ? reason : '',
    backfill: typeof backfill === 'string' ? backfill : '',
    filled: countOf(filled) ?? 0,
    ...(countOf(dropped) !== undefined && { dropped: countOf(dropped) }),
  };
}

function gapOfLine(line: string): ManifestGap | undefined {
  try {
    return manifestGap(JSON.parse(line) as ChatEvent);
  } catch {
    return undefined;
  }
}

function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
