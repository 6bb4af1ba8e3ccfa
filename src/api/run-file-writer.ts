import { rename, rm, writeFile } from 'node:fs/promises';
import type { Spool } from '../spool.ts';
import type { RunFile } from './status.ts';

/** `state/run.json`: how `chatlog status` finds this process. */
export class RunFileWriter {
  readonly #path: string;
  readonly #version: string;

  constructor(spool: Spool, version: string) {
    this.#path = spool.path('state', 'run.json');
    this.#version = version;
  }

  /** `null`: it runs, and its HTTP server does not listen (yet). */
  async write(url: string | null): Promise<void> {
    const content: RunFile = {
      pid: process.pid,
      url,
      startedAt: new Date().toISOString(),
      version: this.#version,
    };
    await writeFile(`${this.#path}.tmp`, `${JSON.stringify(content)}\n`);
    await rename(`${this.#path}.tmp`, this.#path);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
