import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type TempDir, tempDir } from './temp-dir.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

/** Runs the real vitest, with our reporter, over one file. */
async function runTests(directory: TempDir, source: string): Promise<{ code: number; lines: string[] }> {
  await writeFile(
    directory.join('some.test.mjs'),
    `import { beforeAll, describe, test } from '${ROOT}node_modules/vitest/dist/index.js';\n${source}`,
  );
  const config = `import { SummaryReporter } from '${ROOT}test/support/summary-reporter.ts';
    export default { test: { reporters: ['default', new SummaryReporter()], include: ['*.test.mjs'] } };`;
  await writeFile(directory.join('vitest.config.mjs'), config);
  return new Promise((resolve) => {
    const args = [VITEST, 'run', '--root', directory.path, '--config', directory.join('vitest.config.mjs')];
    execFile(process.execPath, args, { cwd: directory.path }, (error, stdout) => {
      const code = error === null ? 0 : Number(error.code);
      resolve({ code, lines: stdout.trimEnd().split('\n') });
    });
  });
}

test('the last line of a run counts what passed and what failed', async () => {
  await using directory = await tempDir();
  const good = await runTests(
    directory,
    `test('a', () => {}); test('b', () => {}); test.skip('c', () => {});`,
  );
  expect(good.lines.slice(-2)).toEqual(['1 skipped', '2 passed, 0 failed']);
  expect(good.code).toBe(0);
  const bad = await runTests(directory, `test('a', () => {}); test('b', () => { throw new Error('no'); });`);
  expect(bad.lines.at(-1)).toBe('1 passed, 1 failed');
  expect(bad.code).toBe(1);
});

test('what fails outside of tests counts as failed', async () => {
  await using directory = await tempDir();
  const broken = await runTests(directory, `throw new Error('does not load');`);
  expect(broken.lines.at(-1)).toBe('0 passed, 1 failed');
  const unhandled = await runTests(
    directory,
    `test('a', () => { void Promise.reject(new Error('lost')); });`,
  );
  expect(unhandled.lines.at(-1)).toBe('1 passed, 1 failed');
  expect([broken.code, unhandled.code]).toEqual([1, 1]);
});

test('a run in which no test ran has failed', async () => {
  await using directory = await tempDir();
  const none = await runTests(directory, `test.skip('a', () => {});`);
  expect(none.lines.slice(-2)).toEqual(['No test ran.', '0 passed, 0 failed']);
  expect(none.code).toBe(1);
});
