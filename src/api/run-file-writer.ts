import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import type { Spool } from '../spool.ts';
import type { RunFile } from './status.ts';

/** `state/run.json`: how commands on this machine find this process, and are let in. Nobody else may read it. */
export class RunFileWriter {
  readonly #path: string;
  readonly #version: string;
  readonly #localToken: string;

  constructor(spool: Spool, version: string, localToken: string) {
    this.#path = spool.path('state', 'run.json');
    this.#version = version;
    this.#localToken = localToken;
  }

  /** `null`: it runs, and its HTTP server does not listen (yet). */
  async write(url: string | null): Promise<void> {
    const content: RunFile = {
      pid: process.pid,
      url,
      startedAt: new Date().toISOString(),
      version: this.#version,
      localToken: this.#localToken,
    };
    const temporary = `${this.#path}.tmp`;
    await writeFile(temporary, '', { mode: 0o600 });
    // The mode counts only for a file that was not there.
    await chmod(temporary, 0o600);
    await writeFile(temporary, `${JSON.stringify(content)}\n`);
    await rename(temporary, this.#path);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
