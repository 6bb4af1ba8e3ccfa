/** A file that grows beside its name, as `<name>.part`, and takes the name when it is complete and durable. */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explainFileError } from '../../lib/explain-file-error.ts';
import { makeDirectory } from '../../lib/make-directory.ts';
import { syncDirectory } from '../../spool.ts';

export class PartFile implements AsyncDisposable {
  bytes: number;
  readonly #file: FileHandle;
  readonly #path: string;
  #isOpen = true;

  private constructor(path: string, file: FileHandle, bytes: number) {
    this.#path = path;
    this.#file = file;
    this.bytes = bytes;
  }

  /** @param keptBytes of an earlier part, which was written so far; 0 begins anew. Throws `not_accessible`. */
  static async open(path: string, keptBytes = 0): Promise<PartFile> {
    try {
      await makeDirectory(dirname(path));
      const file = await open(partName(path), constants.O_WRONLY | constants.O_CREAT, 0o644);
      await file.truncate(keptBytes);
      return new PartFile(path, file, keptBytes);
    } catch (error) {
      throw explainFileError(error, { name: 'the output', path });
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at);
      const { bytesWritten } = await this.#file
        .write(part, 0, part.length, this.bytes)
        .catch((error: unknown) => {
          throw explainFileError(error, { name: 'the output', path: this.#path });
        });
      at += bytesWritten;
      this.bytes += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#file.datasync();
  }

  /** Gives it its name, in the place of what had it. */
  async complete(): Promise<void> {
    await this.#file.sync();
    await this.#close();
    await rename(partName(this.#path), this.#path);
    await syncDirectory(dirname(this.#path));
  }

  async discard(): Promise<void> {
    await this.#close();
    await rm(partName(this.#path), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#file.close();
  }
}

export function partName(path: string): string {
  return `${path}.part`;
}
