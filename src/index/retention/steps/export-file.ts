/** A file that is being made for storage: what is written to it is counted and hashed on its way. */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { StoredRow } from '../../stored-row.ts';

/** Rows in the order of time, page by page. */
export type RowPages = AsyncIterable<readonly StoredRow[]>;

export class ExportFile {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<ExportFile> {
    return new ExportFile(await open(path, 'wx'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    await this.#file.writeFile(bytes);
  }

  /** Makes it durable. */
  async finish(): Promise<{ objectSha256: string; objectBytes: number }> {
    await this.#file.sync();
    return { objectSha256: this.#hash.digest('hex'), objectBytes: this.#bytes };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
