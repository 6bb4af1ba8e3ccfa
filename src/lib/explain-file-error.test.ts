import { chmod, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { ChatlogError } from './errors.ts';
import { explainFileError, explainingFileErrors } from './explain-file-error.ts';

const system = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: refused`), { code, ...(path ? { path } : {}) });

const DATA = { name: 'data_dir', path: '/x' };

describe('a refusal of the file system', () => {
  it.each([
    [system('EACCES', '/x'), DATA, `data_dir /x is not writable for user ${userInfo().username} (EACCES)`],
    [
      system('EPERM', '/x/open'),
      { ...DATA, to: 'read' as const },
      `data_dir /x is not readable for user ${userInfo().username} (EPERM on /x/open)`,
    ],
    [system('EROFS'), DATA, 'data_dir /x is on a file system that is mounted read-only (EROFS)'],
    [
      new ChatlogError('storage', 'cannot write', { cause: system('ENOSPC') }),
      { name: 'archive.directory', path: '/a' },
      'archive.directory /a is on a full disk (ENOSPC)',
    ],
  ])('%s is said in a sentence, with a hint', (error, place, message) => {
    const explained = explainFileError(error, place);
    expect(explained).toMatchObject({ message, hint: expect.stringContaining('place.'), cause: error });
  });

  it.each([system('ECONNREFUSED'), new ChatlogError('locked', 'another one'), 'text', undefined])(
    'is not what %s is',
    (error) => {
      expect(explainFileError(error, DATA)).toBe(error);
    },
  );

  it.skipIf(process.getuid?.() === 0)('is recognised where it happens', async () => {
    await using directory = await tempDir('refused');
    await chmod(directory.path, 0o500);
    const attempt = explainingFileErrors({ name: 'data_dir', path: directory.path }, () =>
      writeFile(directory.join('file'), ''),
    );
    await expect(attempt).rejects.toThrow(/is not writable for user .+ \(EACCES on .*file\)$/);
  });
});
