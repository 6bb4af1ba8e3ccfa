import { writeFile } from 'node:fs/promises';
import { createGunzip, createGzip, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { tempDir } from '../../test/support/temp-dir.ts';
import { fileChunks, pump } from './file-chunks.ts';

const never = new AbortController().signal;

/** The file's chunks, and whether the file was closed. */
function watched(path: string) {
  const state = { closed: false };
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* fileChunks(path, never);
    } finally {
      state.closed = true;
    }
  }
  return { state, source: source() };
}

test('the pieces of a file are all of it, whatever its size', async () => {
  await using directory = await tempDir();
  for (const size of [0, 1, 128 * 1024 - 1, 128 * 1024, 128 * 1024 + 1, 1_000_000]) {
    const bytes = Buffer.alloc(size, 'abcdefg');
    await writeFile(directory.join('file'), bytes);
    const pieces: Buffer[] = [];
    for await (const chunk of fileChunks(directory.join('file'), never)) pieces.push(Buffer.from(chunk));
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  }
});

test('a transform that fails in the middle leaves no file open', async () => {
  await using directory = await tempDir();
  const bytes = gzipSync(Buffer.from(Array.from({ length: 2_000_000 }, () => Math.random() * 256)));
  bytes.fill(0x55, 300_000, 300_100);
  await writeFile(directory.join('file'), bytes);
  const { state, source } = watched(directory.join('file'));
  await expect(pump(source, createGunzip(), () => {})).rejects.toMatchObject({
    code: expect.stringMatching(/^Z_/),
  });
  expect(state.closed).toBe(true);
});

test('a sink that fails leaves no file open, and its error is the one that is told', async () => {
  await using directory = await tempDir();
  await writeFile(directory.join('file'), Buffer.alloc(5_000_000, 'x'));
  const { state, source } = watched(directory.join('file'));
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  await expect(pump(source, createGzip({ level: 0 }), () => Promise.reject(full))).rejects.toBe(full);
  expect(state.closed).toBe(true);
});

test('a source that fails closes the transform, and its error is the one that is told', async () => {
  async function* source(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(100_000);
    throw new Error('the disk is broken');
  }
  const gzip = createGzip();
  await expect(pump(source(), gzip, () => {})).rejects.toThrow('the disk is broken');
  expect(gzip.destroyed).toBe(true);
});
