/**
 * The port to object storage. Every adapter passes `object-store.contract.ts`. No adapter retries for longer than
 * one call, and none overwrites unasked: a key is created once and changes only where somebody is forgotten
 * ({@link ObjectStore.replace}), or what is damaged is repaired ({@link ObjectStore.overwrite}). Keys are the archive's own: what `s3.prefix` puts before them is the adapter's affair.
 */

/** What a segment says about itself, stored as the object's user metadata (all values as text). */
export interface SegmentDescription {
  /** Lower-case hex SHA-256 of the uncompressed lines. */
  linesSha256: string;
  /** Lower-case hex SHA-256 of the object's own bytes. */
  objectSha256: string;
  /** Bytes of the object. */
  objectBytes: number;
  /** Bytes of the uncompressed lines. */
  linesBytes: number;
  lines: number;
  /** RFC 3339, the smallest and the largest `timestamp` in the segment; '' where it holds no line. */
  firstTimestamp: string;
  lastTimestamp: string;
  /** Version of the record format (`docs/record-format.md`). */
  formatVersion: number;
  /** Name of the recording instance; '' where none is configured. */
  instance: string;
}

/** Where the bytes of an object come from: a local file, so that every attempt can open it afresh. */
export interface ObjectBody {
  path: string;
  description: SegmentDescription;
  /** Called whenever some of it was taken over; a put that never calls it and never ends is stalled. */
  onProgress?: () => void;
}

export type PutOutcome =
  /** This call created the object, or found the same lines there already: an own earlier write. */
  | 'created'
  /** The key holds something else; nothing was changed. */
  | 'conflict';

export type ReplaceOutcome =
  /** The key holds the new bytes, also where an earlier call whose reply was lost had put them there. */
  | 'replaced'
  /** The key holds something else than expected, or came to in between; nothing was changed. */
  | 'changed'
  | 'missing';

export interface ObjectHead {
  bytes: number;
  /** From the object's metadata; undefined where the object was not written by Chatlog. */
  description?: SegmentDescription;
}

export interface OpenedObject extends ObjectHead {
  /** The object's bytes in order. Has to be iterated, or it holds a connection. */
  body: AsyncIterable<Uint8Array>;
}

export interface ObjectStore {
  /** For messages to people: `s3://bucket (Cloudflare R2)`, `/data/archive`. */
  readonly name: string;
  /** Below which every object lies as a file, by its key; left out where there are no files. */
  readonly directory?: string;
  /** How many puts at the same time the store bears; unlimited when left out. */
  readonly concurrencyMax?: number;
  /** Creates the object if the key is free. Abort leaves the outcome unknown, as a lost reply does: ask {@link head}. */
  put(key: string, body: ObjectBody, signal: AbortSignal): Promise<PutOutcome>;
  /**
   * Puts the body in the place of an object whose bytes are the expected ones: readers see the old object or the new one,
   * never a part. Where a store knows no conditional writes, nobody else may write to the key at the same time.
   */
  replace(
    key: string,
    body: ObjectBody,
    expectedObjectSha256: string,
    signal: AbortSignal,
  ): Promise<ReplaceOutcome>;
  /**
   * Puts the body under the key, whatever lies there: for an object that is known to be damaged, whose metadata says what
   * its bytes are not. Readers see the old object or the new one.
   */
  overwrite(key: string, body: ObjectBody, signal: AbortSignal): Promise<void>;
  /** Removes the object; that it is not there is no error. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** A link that lets whoever has it read the object for so long (7 days at most), without any request. */
  presign?(key: string, seconds: number): Promise<string>;
  /** Undefined where the key does not exist. */
  head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined>;
  /** Head and bytes in one request. Throws `object_missing`. */
  open(key: string, signal: AbortSignal): Promise<OpenedObject>;
  /** The object's bytes in order; verified by the caller. Throws `object_missing`. */
  get(key: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Keys below a prefix in lexical order. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<{ key: string; bytes: number }>;
  /** Writes, reads back and removes a small object below `chatlog-check/`; throws with a hint where that fails. */
  check(signal: AbortSignal): Promise<void>;
  /** Removes what puts that died left behind (parts, temporary files), a day old or older; how many. */
  sweep?(signal: AbortSignal): Promise<number>;
  /** Releases sockets. */
  close(): void;
}
