import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { tempDir } from '../../../test/support/temp-dir.ts';
import { planImport } from './plan-import.ts';
import { openSource, type Source } from './read-source.ts';

const NEVER = new AbortController().signal;

/** Numbers, text and bytes of all lines, and what was said of the rest. */
async function readLines(source: Source) {
  const lines: (string | number | Buffer)[][] = [];
  const read = (line: { text: string; bytes?: Buffer }) => {
    lines.push([line.text, ...(line.bytes ? [line.bytes] : [])]);
    return [];
  };
  const rejects: string[] = [];
  for await (const { readings } of source.records({ kind: 'lines', read }, NEVER))
    for (const reading of readings) if ('reject' in reading) rejects.push(reading.reject);
  return { lines, rejects };
}

const TEXT = Array.from({ length: 5000 }, (_, index) => `line ${index} ünï`).join('\r\n');

it.each([
  ['plain', Buffer.from(TEXT)],
  ['gzip', gzipSync(TEXT)],
  ['gzip in several members', Buffer.concat([gzipSync(TEXT.slice(0, 5000)), gzipSync(TEXT.slice(5000))])],
  ['zstd', zstdCompressSync(TEXT)],
])('reads a file that is %s, whatever its name says', async (_, bytes) => {
  await using directory = await tempDir();
  await writeFile(directory.join('x.log'), bytes);
  await using source = await openSource(directory.join('x.log'), {});
  expect(source.info.lines.slice(0, 2)).toEqual(['line 0 ünï', 'line 1 ünï']);
  const { lines, rejects } = await readLines(source);
  expect([lines.map(([text]) => text).join('\r\n'), rejects]).toEqual([TEXT, []]);
  expect(source.bytesRead).toBe(bytes.length);
});

it('gives what can be read of a damaged file, and says that it is', async () => {
  await using directory = await tempDir();
  const path = directory.join('x.gz');
  const random = Array.from({ length: 30_000 }, () => Math.random()).join('\n');
  await writeFile(path, gzipSync(random).subarray(0, 100_000));
  await using source = await openSource(path, {});
  const { lines, rejects } = await readLines(source);
  expect(lines.length).toBeGreaterThan(1000);
  expect(rejects).toEqual([
    expect.stringContaining('the file cannot be read to its end: unexpected end of file'),
  ]);
  await writeFile(path, Buffer.from('1f8bffffffffffff', 'hex'));
  await expect(openSource(path, {})).rejects.toMatchObject({ code: 'import_format_unknown' });
  const request = { settings: {}, format: undefined, opened: new Map() };
  const plan = await planImport({ ...request, paths: [directory.path] }, NEVER);
  expect(plan).toMatchObject({ problems: [], unknown: { files: 1, examples: [path] } });
});

it('looks at a pipe and reads it all the same', async () => {
  await using directory = await tempDir();
  const path = directory.join('pipe');
  execFileSync('mkfifo', [path]);
  const writer = spawn('sh', [
    '-c',
    `(printf '{"timestamp"'; sleep 0.1; printf ':1,"platform":2}\\n') > '${path}'`,
  ]);
  const closed = once(writer, 'close');
  const request = {
    paths: [path],
    settings: {},
    format: undefined,
    opened: new Map<string, Promise<Source>>(),
  };
  expect(await planImport(request, NEVER)).toMatchObject({ files: 1, problems: [] });
  await using source = await request.opened.get(path)!;
  expect((await readLines(source)).lines).toEqual([['{"timestamp":1,"platform":2}']]);
  await closed;
});
