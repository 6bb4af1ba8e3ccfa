import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { explainingFileErrors } from '../lib/explain-file-error.ts';
import { makeDirectory } from '../lib/make-directory.ts';
import { systemErrorCode } from '../lib/system-error.ts';
import { exampleConfigPath } from './package-info.ts';

/** False where the file is there already and was left alone. */
export async function writeExample(file: string, options: { overwrite: boolean }): Promise<boolean> {
  const directory = dirname(resolve(file));
  const mode = options.overwrite ? 0 : constants.COPYFILE_EXCL;
  return explainingFileErrors({ name: 'the directory', path: directory }, async () => {
    await makeDirectory(directory);
    try {
      await copyFile(exampleConfigPath(), file, mode);
      return true;
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return false;
      throw error;
    }
  });
}
