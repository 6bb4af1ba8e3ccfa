import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';

const MODULE = new URL('./exit-process.ts', import.meta.url).href;

async function ending(script: string): Promise<[code: number | null, signal: string | null]> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  return (await once(child, 'exit')) as [number | null, string | null];
}

describe('exitProcess', () => {
  it('ends with the code, once the file work under way is done', async () => {
    const script = `
      import { stat } from 'node:fs';
      import { exitProcess } from ${JSON.stringify(MODULE)};
      stat('/', () => {});
      await exitProcess(5, 20_000);`;
    expect(await ending(script)).toEqual([5, null]);
  });

  it('ends although a file operation hangs', async () => {
    await using dir = await tempDir();
    const fifo = join(dir.path, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const script = `
      import { open } from 'node:fs';
      import { exitProcess } from ${JSON.stringify(MODULE)};
      open(${JSON.stringify(fifo)}, 'r', () => {});
      await exitProcess(5, 100);`;
    expect(await ending(script)).toEqual([null, 'SIGKILL']);
  });
});
