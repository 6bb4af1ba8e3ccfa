import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { sampleLines, sha256 } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { openSpool } from '../spool.ts';
import { type CompressOptions, compressSegment } from './compress-segment.ts';
import { describeSegment } from './describe-segment.ts';

const never = new AbortController().signal;
const origin = { formatVersion: 1, instance: 'a' };
const file = 'twitch_xqc_20261121_1300.jsonl';

async function sealed(lines: Buffer) {
  const directory = await tempDir('compress');
  const spool = await openSpool(directory.join('spool'));
  await writeFile(spool.path('sealed', file), lines);
  return {
    directory,
    spool,
    compress: (options: Partial<CompressOptions> = {}, signal = never) =>
      compressSegment(spool, file, { compression: 'zstd', origin, ...options }, signal),
    ls: async () => [...(await readdir(spool.path('sealed'))), ...(await readdir(spool.path('tmp')))],
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test.each([
  ['zstd', undefined, 0],
  ['zstd', undefined, 3000],
  ['zstd', 1, 100],
  ['zstd', 12, 100],
  ['zstd', 19, 100],
  ['gzip', undefined, 0],
  ['gzip', undefined, 3000],
  ['gzip', 9, 100],
  ['gzip', 19, 100],
] as const)(
  '%s at level %s of %i lines comes back the same and is described truly',
  async (compression, level, count) => {
    const lines = sampleLines(count);
    await using it = await sealed(lines);
    const written = new Date('2026-11-21T14:00:00Z');
    await utimes(it.spool.path('sealed', file), written, written);
    const done = await it.compress({ compression, level });
    const name = `${file}${compression === 'gzip' ? '.gz' : '.zst'}`;
    expect(done.file).toBe(name);
    expect(await it.ls()).toEqual([name]);
    const bytes = await readFile(it.spool.path('sealed', name));
    expect((compression === 'gzip' ? gunzipSync(bytes) : zstdDecompressSync(bytes)).equals(lines)).toBe(true);
    expect(done.description).toMatchObject({
      lines: count,
      linesSha256: sha256(lines),
      objectSha256: sha256(bytes),
      objectBytes: bytes.length,
      linesBytes: lines.length,
    });
    expect(done.description).toEqual(
      await describeSegment(it.spool.path('sealed', name), compression, origin, never),
    );
    expect((await stat(it.spool.path('sealed', name))).mtimeMs).toBe(written.getTime());
  },
);

test('a compressed segment with a flipped bit anywhere is told as corrupt, or still gives the same lines', async () => {
  const lines = sampleLines(200);
  await using it = await sealed(lines);
  const path = it.spool.path('sealed', (await it.compress()).file);
  const bytes = await readFile(path);
  for (let at = 4; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 4;
    await writeFile(path, damaged);
    const described = describeSegment(path, 'zstd', origin, never);
    // The flag that says that a checksum follows can be lost without harm to the lines.
    const outcome = await described.then(
      ({ linesSha256 }) => linesSha256,
      ({ code }) => code as string,
    );
    expect(['segment_corrupt', sha256(lines)]).toContain(outcome);
  }
});

test('an abort in the middle leaves the plain segment and nothing else', async () => {
  await using it = await sealed(sampleLines(30_000));
  const stopping = new AbortController();
  const onProgress = (): void => stopping.abort(new Error('stop'));
  await expect(it.compress({ onProgress }, stopping.signal)).rejects.toThrow('stop');
  expect(await it.ls()).toEqual([file]);
});

test('a segment that is gone is told as such', async () => {
  await using it = await sealed(sampleLines(1));
  await it.compress();
  await expect(it.compress()).rejects.toMatchObject({ code: 'segment_missing' });
});

test.each(['.zst', '.gz'])(
  'the plain copy goes where a whole compressed copy (%s) is beside it',
  async (extension) => {
    const lines = sampleLines(100);
    await using it = await sealed(lines);
    const bytes = extension === '.gz' ? gzipSync(lines) : zstdCompressSync(lines);
    await writeFile(it.spool.path('sealed', file + extension), bytes);
    expect((await it.compress()).file).toBe(file + extension);
    expect(await it.ls()).toEqual([file + extension]);
    expect((await readFile(it.spool.path('sealed', file + extension))).equals(bytes)).toBe(true);
  },
);

test('a damaged compressed copy goes, and is made anew from the plain one', async () => {
  const lines = sampleLines(100);
  await using it = await sealed(lines);
  await writeFile(it.spool.path('sealed', `${file}.zst`), zstdCompressSync(lines).subarray(0, -3));
  const done = await it.compress();
  expect(done.description.linesSha256).toBe(sha256(lines));
  expect(await it.ls()).toEqual([`${file}.zst`]);
});

test('a compressed copy of other lines and the plain one both stay, under two names', async () => {
  const [mine, other] = [sampleLines(100), sampleLines(100, 'other')];
  await using it = await sealed(mine);
  await writeFile(it.spool.path('sealed', `${file}.zst`), zstdCompressSync(other));
  await expect(it.compress()).rejects.toMatchObject({ code: 'segment_missing' });
  const renamed = `twitch_xqc_20261121_1300-${sha256(mine).slice(0, 8)}.jsonl`;
  expect((await it.ls()).sort()).toEqual([renamed, `${file}.zst`].sort());
  expect((await readFile(it.spool.path('sealed', renamed))).equals(mine)).toBe(true);
});

test.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
  'a disk that fills up while compressing leaves the plain segment and nothing else',
  async () => {
    await using directory = await tempDir();
    const root = directory.join('disk');
    await mkdir(root);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root]);
    try {
      const spool = await openSpool(root);
      await writeFile(spool.path('sealed', file), sampleLines(8_000));
      await writeFile(`${root}/filler`, Buffer.alloc(2 * 1024 * 1024)).catch(() => {});
      const before = await readFile(spool.path('sealed', file));
      const options = { compression: 'zstd' as const, origin };
      await expect(compressSegment(spool, file, options, never)).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await readdir(spool.path('sealed'))).toEqual([file]);
      expect(await readdir(spool.path('tmp'))).toEqual([]);
      expect((await readFile(spool.path('sealed', file))).equals(before)).toBe(true);
    } finally {
      execFileSync('umount', [root]);
    }
  },
);
