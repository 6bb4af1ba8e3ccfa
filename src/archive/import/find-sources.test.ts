import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { findSources } from './find-sources.ts';

it('finds every file below directories, links too, and goes round in no circle', async () => {
  await using directory = await tempDir();
  await mkdir(directory.join('a', 'b'), { recursive: true });
  await mkdir(directory.join('.hidden'));
  for (const name of ['one.txt', 'a/two.txt', 'a/b/three.txt', '.hidden/x', '.y'])
    await writeFile(directory.join(name), name);
  await symlink(directory.path, directory.join('a', 'circle'));
  await symlink(directory.join('one.txt'), directory.join('a', 'link.txt'));
  await symlink(directory.join('nowhere'), directory.join('a', 'broken'));
  const found = await Array.fromAsync(findSources([directory.path, directory.join('one.txt'), '-']));
  const names = found.map(({ path, bytes, isNamed }) => [
    path.replace(`${directory.path}/`, ''),
    bytes,
    isNamed,
  ]);
  expect(names.toSorted()).toEqual([
    ['-', 0, true],
    ['a/b/three.txt', 13, false],
    ['a/link.txt', 7, false],
    ['a/two.txt', 9, false],
    ['one.txt', 7, false],
    ['one.txt', 7, true],
  ]);
  execFileSync('mkfifo', [directory.join('pipe')]);
  expect(await Array.fromAsync(findSources([directory.join('pipe')]))).toMatchObject([{ isOnce: true }]);
  await expect(Array.fromAsync(findSources([directory.join('nowhere')]))).rejects.toMatchObject({
    code: 'import_source_missing',
  });
});
