/**
 * What proves that no line was lost, doubled or changed: a small record of every line, of the sources and of what was made of
 * them, read by a path of its own (JSON.parse, no fast path, no merge). Records of one identity come into one of several
 * files, each of which is then compared in memory: memory does not depend on how long a day is.
 */
import { createHash, hash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type ChatEvent, eventIdentity } from '../../event.ts';
import { messageKey } from '../../index/message-key.ts';

export interface AuditRecord {
  /** Of an event: what identifies it. Of a line that nothing identifies: the digest of its bytes. 16 bytes as Latin-1. */
  identity: string;
  isEvent: boolean;
  /** SHA-256 of the line, 16 bytes of it. */
  digest: string;
  /** Of copies of one event the one with the smallest rank is to stay: live before backfill before import, ... */
  rank: number;
  /** ... and received first, ms since the epoch. */
  receivedMs: number;
  source: number;
}

/** Identity, digest, received, rank, kind, source. */
const RECORD_BYTES = 16 + 16 + 8 + 1 + 1 + 4;
const BUFFER_BYTES = RECORD_BYTES * 1_000;
/** `source` of a line, in the order of the index (`earlier-copies.ts`). */
const RANKS = ['', 'backfill', 'import'];

/** @param platform as in the lines of the segment; undefined where the line is empty: nothing is kept of it */
export function auditRecord(line: Buffer, platform: string, source: number): AuditRecord | undefined {
  if (line.length === 0) return undefined;
  const digest = createHash('sha256').update(line).digest('latin1').slice(0, 16);
  const event = eventOf(line);
  const identity = event && eventIdentity(event);
  if (!event || !identity)
    return { identity: digest, isEvent: false, digest, rank: 0, receivedMs: 0, source };
  const timeMs = Date.parse(event.timestamp);
  const receivedMs = Date.parse(event.received_at ?? '');
  const rank = RANKS.indexOf(event.source ?? '');
  return {
    identity: hash('sha256', `${messageKey(platform, identity)} ${timeMs}`, 'latin1').slice(0, 16),
    ...{ isEvent: true, digest, source },
    rank: rank < 0 ? RANKS.length : rank,
    receivedMs: Number.isNaN(receivedMs) ? Number.POSITIVE_INFINITY : receivedMs,
  };
}

const TIME = /^\{"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)"/;

/** The line's own time, ms since the epoch; NaN where it tells none. */
export function timeOf(line: Buffer): number {
  const text = TIME.exec(line.toString('latin1', 0, 48))?.[1] ?? eventOf(line)?.timestamp;
  return text === undefined ? Number.NaN : Date.parse(text);
}

function eventOf(line: Buffer): ChatEvent | undefined {
  try {
    const event = JSON.parse(line.toString('utf8')) as Partial<ChatEvent> | null;
    const isEvent = typeof event?.timestamp === 'string' && !Number.isNaN(Date.parse(event.timestamp));
    return isEvent && typeof (event.id ?? '') === 'string' ? (event as ChatEvent) : undefined;
  } catch {
    return undefined;
  }
}

/** Records in files, by their identity. */
export class RecordFiles implements Disposable {
  readonly count: number;
  readonly #paths: string[];
  readonly #files: number[];
  readonly #buffers: Buffer[];
  readonly #used: number[];

  /** @param count of files; @param name what their names begin with */
  constructor(directory: string, name: string, count: number) {
    this.count = count;
    this.#paths = Array.from({ length: count }, (_, index) => join(directory, `${name}-${index}`));
    this.#files = this.#paths.map((path) => openSync(path, 'w'));
    this.#buffers = this.#paths.map(() => Buffer.allocUnsafe(BUFFER_BYTES));
    this.#used = this.#paths.map(() => 0);
  }

  add({ identity, digest, receivedMs, rank, isEvent, source }: AuditRecord): void {
    const index = (identity.charCodeAt(0) * 256 + identity.charCodeAt(1)) % this.count;
    const buffer = this.#buffers[index]!;
    let at = this.#used[index]!;
    at += buffer.write(identity, at, 16, 'latin1');
    at += buffer.write(digest, at, 16, 'latin1');
    at = buffer.writeDoubleLE(receivedMs, at);
    at = buffer.writeUInt8(rank, at);
    at = buffer.writeUInt8(isEvent ? 1 : 0, at);
    at = buffer.writeUInt32LE(source, at);
    this.#used[index] = at;
    if (at === BUFFER_BYTES) this.#flush(index);
  }

  *read(index: number): Generator<AuditRecord> {
    this.#flush(index);
    const bytes = readFileSync(this.#paths[index]!);
    for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
      yield {
        identity: bytes.toString('latin1', at, at + 16),
        digest: bytes.toString('latin1', at + 16, at + 32),
        receivedMs: bytes.readDoubleLE(at + 32),
        rank: bytes.readUInt8(at + 40),
        isEvent: bytes.readUInt8(at + 41) === 1,
        source: bytes.readUInt32LE(at + 42),
      };
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) closeSync(file);
  }

  #flush(index: number): void {
    const bytes = this.#buffers[index]!.subarray(0, this.#used[index]);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#files[index]!, bytes, at);
    this.#used[index] = 0;
  }
}
