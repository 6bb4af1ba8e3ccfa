/**
 * Which files of a folder were pulled, of what: `.chatlog-pull.jsonl`, a line for every file that was completed, the last
 * one counts. A file is in it before it has its name, so that no file of ours is ever taken for somebody else's.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { explainFileError } from '../../lib/explain-file-error.ts';
import { makeDirectory } from '../../lib/make-directory.ts';

const entrySchema = z.object({
  /** Below the folder, with `/`. */
  file: z.string(),
  /** Options that decide what is in it. */
  recipe: z.string(),
  /** Of the day: half-open, ms since the epoch. */
  fromMs: z.number(),
  toMs: z.number(),
  sources: z.string(),
  /** Of the file; 0 lines make no file. */
  bytes: z.number().int().min(0),
  lines: z.number().int().min(0),
});
export type PulledFile = z.output<typeof entrySchema>;

const NAME = '.chatlog-pull.jsonl';

export class PullState {
  readonly #path: string;
  readonly #files = new Map<string, PulledFile>();
  #isTorn = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string) {
    this.#path = path;
  }

  /** Makes the folder where it is missing. Throws `not_accessible`. */
  static async open(directory: string): Promise<PullState> {
    const state = new PullState(join(directory, NAME));
    try {
      await makeDirectory(directory);
      await state.#read();
    } catch (error) {
      throw explainFileError(error, { name: 'the output', path: directory });
    }
    return state;
  }

  get(file: string): PulledFile | undefined {
    return this.#files.get(file);
  }

  /** Durable when it resolves. */
  add(entry: PulledFile): Promise<void> {
    const added = this.#turn.then(() => this.#append(entry));
    this.#turn = added.catch(() => {});
    return added;
  }

  async #append(entry: PulledFile): Promise<void> {
    const handle = await open(this.#path, 'a');
    try {
      await handle.writeFile(`${this.#isTorn ? '\n' : ''}${JSON.stringify(entry)}\n`);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    this.#isTorn = false;
    this.#files.set(entry.file, entry);
  }

  async #read(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    this.#isTorn = text !== '' && !text.endsWith('\n');
    for (const line of text.split('\n')) {
      const entry = parse(line);
      if (entry) this.#files.set(entry.file, entry);
    }
  }
}

/** Undefined for a line that a crash has torn. */
function parse(line: string): PulledFile | undefined {
  try {
    return entrySchema.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
