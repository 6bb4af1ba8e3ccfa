/** Edits of channels in the configuration file itself: all of them or none, and never into a file that is then wrong. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { explainFileError, explainingFileErrors } from '../lib/explain-file-error.ts';
import { writeFileAtomic } from '../lib/write-file-atomic.ts';
import { type ChannelEdit, editChannels } from './edit-channels.ts';
import { checkConfigText } from './load-config.ts';
import type { Problem } from './problem.ts';

export type FileEdit =
  | {
      outcome: 'written' | 'unchanged';
      done: ChannelEdit[];
      /** What was there already, in words. */
      already: string[];
      /** The file has other problems, which it had before. */
      isBroken: boolean;
    }
  | { outcome: 'missing' }
  /** Edits that cannot be done, in words: nothing was changed. */
  | { outcome: 'refused'; problems: string[] }
  /** The file would be wrong afterwards: nothing was changed. */
  | { outcome: 'invalid'; problems: Problem[] };

/** Throws what the file system refuses, in a sentence. */
export async function editConfigFile(
  file: string,
  platform: string,
  edits: readonly ChannelEdit[],
): Promise<FileEdit> {
  const before = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw explainFileError(error, { name: 'the configuration', path: file, to: 'read' });
  });
  if (before === undefined) return { outcome: 'missing' };
  let text = before;
  const done: ChannelEdit[] = [];
  const already: string[] = [];
  const problems: string[] = [];
  for (const edit of edits) {
    const result = editChannels(text, platform, edit);
    if (result.ok) {
      text = result.text;
      done.push(edit);
    } else (result.already ? already : problems).push(result.problem);
  }
  if (problems.length > 0) return { outcome: 'refused', problems };
  if (done.length === 0) return { outcome: 'unchanged', done, already, isBroken: false };
  const after = await checkConfigText(text, file);
  // A file may be fine for the service and not for this shell, which lacks its environment: only new problems count.
  if (!after.ok && (await checkConfigText(before, file)).ok) {
    return { outcome: 'invalid', problems: after.problems };
  }
  if (text !== before) {
    const directory = { name: 'the directory', path: dirname(resolve(file)) };
    await explainingFileErrors(directory, () => writeFileAtomic(file, text));
  }
  return { outcome: text === before ? 'unchanged' : 'written', done, already, isBroken: !after.ok };
}
