import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { makeDirectory } from './make-directory.ts';

it('makes what is missing and says where it began', async () => {
  await using dir = await tempDir();
  expect(await makeDirectory(dir.join('a', 'b', 'c'))).toBe(dir.join('a'));
  expect((await stat(dir.join('a', 'b', 'c'))).isDirectory()).toBe(true);
  expect(await makeDirectory(dir.join('a', 'b', 'd'))).toBe(dir.join('a', 'b', 'd'));
  expect(await makeDirectory(dir.join('a', 'b'))).toBeUndefined();
});

it('goes through links to directories', async () => {
  await using dir = await tempDir();
  await mkdir(dir.join('real'));
  await symlink(dir.join('real'), dir.join('link'));
  expect(await makeDirectory(dir.join('link'))).toBeUndefined();
  expect(await makeDirectory(dir.join('link', 'x'))).toBe(dir.join('link', 'x'));
});

it('fails where a file stands in the way', async () => {
  await using dir = await tempDir();
  await writeFile(dir.join('file'), '');
  await expect(makeDirectory(dir.join('file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeDirectory(dir.join('file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

it('fails, and does not try for ever, where nothing can be made', async () => {
  await expect(makeDirectory('/proc/chatlog/data')).rejects.toMatchObject({ code: 'ENOENT' });
});

it('makes one directory for all who ask at once', async () => {
  await using dir = await tempDir();
  await Promise.all(Array.from({ length: 20 }, () => makeDirectory(dir.join('a', 'b', 'c'))));
  expect((await stat(dir.join('a', 'b', 'c'))).isDirectory()).toBe(true);
});
