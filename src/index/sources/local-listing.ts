/**
 * The segments of a spool, each where it lies now. The directories are looked at in the order in which a segment moves,
 * so that none is missed between two looks; one that is seen twice counts where it was seen last.
 */
import { opendir, stat } from 'node:fs/promises';
import { ifMissing } from '../../lib/system-error.ts';
import { parseSegmentFile, type SegmentName, uncompressedName } from '../../segment-name.ts';
import type { Spool } from '../../spool.ts';

/** Those that hold lines, in the order in which a segment passes them. */
const DIRECTORIES = ['open', 'recovered', 'sealed', 'uploaded'] as const;
export type SegmentDirectory = (typeof DIRECTORIES)[number];

export interface LocalFile {
  directory: SegmentDirectory;
  file: string;
  name: SegmentName & { compression: 'none' | 'gzip' | 'zstd' };
}

interface Listing {
  files: LocalFile[];
  mtimeMs: number;
  listedMs: number;
}

/** A directory that changed so shortly before it was listed may have changed again without its time showing it. */
const RACY_MS = 2_000;

export class LocalListing {
  readonly #spool: Spool;
  readonly #now: () => number;
  readonly #listings = new Map<SegmentDirectory, Listing>();

  /** @param now by the clock that file times are made with */
  constructor(spool: Spool, now: () => number) {
    this.#spool = spool;
    this.#now = now;
  }

  /** By ledger name. A directory that did not change is not read again, however many files it holds. */
  async look(signal: AbortSignal): Promise<Map<string, LocalFile>> {
    const found = new Map<string, LocalFile>();
    for (const directory of DIRECTORIES) {
      for (const file of await this.#list(directory, signal)) {
        const base = uncompressedName(file.file);
        const earlier = found.get(base);
        // While a segment is compressed both lie there; the plain one goes then.
        if (earlier?.directory === directory && file.name.compression === 'none') continue;
        found.set(base, file);
      }
    }
    return found;
  }

  async #list(directory: SegmentDirectory, signal: AbortSignal): Promise<LocalFile[]> {
    const path = this.#spool.path(directory);
    const listedMs = this.#now();
    const stats = await stat(path).catch(ifMissing);
    if (!stats) return [];
    const known = this.#listings.get(directory);
    if (known?.mtimeMs === stats.mtimeMs && known.listedMs - known.mtimeMs > RACY_MS) return known.files;
    const files: LocalFile[] = [];
    for await (const entry of await opendir(path, { bufferSize: 256 })) {
      signal.throwIfAborted();
      const name = parseSegmentFile(entry.name);
      if (name && entry.isFile()) files.push({ directory, file: entry.name, name });
    }
    this.#listings.set(directory, { files, mtimeMs: stats.mtimeMs, listedMs });
    return files;
  }
}
