import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { makeDirectory } from '../lib/make-directory.ts';
import { exampleConfigPath } from './package-info.ts';

/** False where the file is there already and was left alone. */
export async function writeExample(file: string, options: { overwrite: boolean }): Promise<boolean> {
  await makeDirectory(dirname(resolve(file)));
  try {
    await copyFile(exampleConfigPath(), file, options.overwrite ? 0 : constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST') return false;
    throw error;
  }
}
