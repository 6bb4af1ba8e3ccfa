/** What of the archive the local disk still has: segments in `uploaded/`, and in `sealed/` where an upload was broken off. */
import { readdir } from 'node:fs/promises';
import { ChatlogError } from '../../lib/errors.ts';
import { systemErrorCode } from '../../lib/system-error.ts';
import { objectKey, parseSegmentFile } from '../../segment-name.ts';
import { findSpool, type Spool } from '../../spool.ts';
import type { ObjectBody } from '../../storage/object-store.ts';
import { describeSegment, type SegmentOrigin } from '../../uploading/describe-segment.ts';

const DIRECTORIES = ['uploaded', 'sealed'] as const;

export class LocalCopies {
  readonly #spool: Spool;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** Undefined where nothing was ever recorded below this directory. */
  static async open(dataDir: string): Promise<LocalCopies | undefined> {
    const spool = await findSpool(dataDir);
    return spool && new LocalCopies(spool);
  }

  /** Keys of the segments that were verified in storage once and are still on the disk. */
  async uploadedKeys(): Promise<string[]> {
    const files = await readdir(this.#spool.path('uploaded'));
    return files.flatMap((file) => objectKey(file) ?? []);
  }

  /**
   * The copy of an object; undefined where there is none, or not with these bytes.
   * @param objectSha256 undefined where nobody knows: then any copy that decompresses to its end is right
   */
  async find(
    key: string,
    objectSha256: string | undefined,
    origin: SegmentOrigin,
    signal: AbortSignal,
  ): Promise<ObjectBody | undefined> {
    const file = key.slice(key.lastIndexOf('/') + 1);
    const name = parseSegmentFile(file);
    if (!name) return undefined;
    for (const directory of DIRECTORIES) {
      const path = this.#spool.path(directory, file);
      const description = await describeSegment(path, name.compression, origin, signal).catch(ifUseless);
      if (description && (objectSha256 ?? description.objectSha256) === description.objectSha256)
        return { path, description };
    }
    return undefined;
  }
}

function ifUseless(error: unknown): undefined {
  const isCorrupt = error instanceof ChatlogError && error.code === 'segment_corrupt';
  if (!isCorrupt && systemErrorCode(error) !== 'ENOENT') throw error;
}
