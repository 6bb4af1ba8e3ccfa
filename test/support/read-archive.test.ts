import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { eventsOf, readArchive, readSpool } from './read-archive.ts';
import { type TempDir, tempDir } from './temp-dir.ts';

const line = (message: string) => `${JSON.stringify({ message })}\n`;

async function put(directory: TempDir, path: string, bytes: string | Buffer): Promise<void> {
  await mkdir(dirname(directory.join(path)), { recursive: true });
  await writeFile(directory.join(path), bytes);
}

function messagesOf(files: Parameters<typeof eventsOf>[0]): string[] {
  return eventsOf(files).map((event) => event.message);
}

test('an archive is read whole: plain, gzip and zstd, also in several frames', async () => {
  await using directory = await tempDir();
  await put(directory, '2026/a.jsonl', line('1') + line('2'));
  await put(directory, '2026/11/b.jsonl.gz', Buffer.concat([gzipSync(line('3')), gzipSync(line('4'))]));
  await put(
    directory,
    '2026/11/c.jsonl.zst',
    Buffer.concat([zstdCompressSync(line('5')), zstdCompressSync(line('6'))]),
  );
  await put(directory, '2026/11/c.txt', 'not ours');
  const files = await readArchive(directory.path);
  expect(files.map((file) => file.path)).toEqual([
    '2026/11/b.jsonl.gz',
    '2026/11/c.jsonl.zst',
    '2026/a.jsonl',
  ]);
  expect(messagesOf(files)).toEqual(['3', '4', '5', '6', '1', '2']);
});

test('a spool is read in every state; what is torn is told apart', async () => {
  await using directory = await tempDir();
  await put(directory, 'open/a.jsonl', `${line('1')}{"mess`);
  await put(directory, 'sealed/b.jsonl.zst', zstdCompressSync(line('2')));
  await put(directory, 'uploaded/c.jsonl.gz', gzipSync(line('3')));
  await put(directory, 'tmp/d.jsonl', line('never'));
  const files = await readSpool(directory.path);
  expect(messagesOf(files)).toEqual(['1', '2', '3']);
  expect(files[0]?.tail).toBe('{"mess');
});

test('a line that is not JSON is an error with its place; a missing directory is empty', async () => {
  await using directory = await tempDir();
  expect(await readArchive(directory.join('nowhere'))).toEqual([]);
  await put(directory, 'a.jsonl', `${line('1')}nonsense\n`);
  await expect(readArchive(directory.path)).rejects.toThrow('a.jsonl:2 is not JSON: nonsense');
});
