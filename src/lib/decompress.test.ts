import { createReadStream } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, test } from 'vitest';
import { collect } from '../../test/support/segments.ts';
import { decompress, isDecompressionError } from './decompress.ts';

const LINES = Buffer.from(
  Array.from({ length: 40_000 }, (_, index) => `${index} ${Math.sin(index)}\n`).join(''),
);
const PACK = { none: (bytes: Buffer) => bytes, gzip: gzipSync, zstd: zstdCompressSync };
const PIECE_BYTES = 10_000;

/** One buffer serves all pieces, as where files are read. */
function source(bytes: Buffer, failure?: Error) {
  const state = { read: 0, isClosed: false };
  const pieces = async function* (): AsyncGenerator<Buffer> {
    const buffer = Buffer.alloc(PIECE_BYTES);
    try {
      for (; state.read < bytes.length; state.read += PIECE_BYTES) {
        const length = bytes.copy(buffer, 0, state.read, state.read + PIECE_BYTES);
        yield buffer.subarray(0, length);
      }
      if (failure) throw failure;
    } finally {
      state.isClosed = true;
    }
  };
  return { state, pieces: pieces() };
}

const copies = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
};

describe.each(['none', 'gzip', 'zstd'] as const)('what is compressed with %s', (compression) => {
  const packed = PACK[compression](LINES);

  it('comes back, however it is cut', async () => {
    const { pieces, state } = source(packed);
    expect((await collect(copies(decompress(pieces, compression)))).equals(LINES)).toBe(true);
    expect(state.isClosed).toBe(true);
  });

  it('ends with what the source says, which is no damage', async () => {
    const failure = Object.assign(new Error('the network is gone'), { code: 'ECONNRESET' });
    const { pieces } = source(packed.subarray(0, 50_000), failure);
    const error = await collect(decompress(pieces, compression)).catch((thrown: unknown) => thrown);
    expect(error).toBe(failure);
    expect(isDecompressionError(error)).toBe(false);
    const missing = collect(decompress(createReadStream('/nowhere/at/all'), compression));
    await expect(missing).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is let go of where nobody asks for more', async () => {
    const { pieces, state } = source(packed);
    for await (const chunk of decompress(pieces, compression)) if (chunk.length > 0) break;
    expect(state.isClosed).toBe(true);
    expect(state.read).toBeLessThan(packed.length);
  });
});

test.each(['gzip', 'zstd'] as const)(
  'damage to %s is told apart from everything else',
  async (compression) => {
    const packed = Buffer.from(PACK[compression](LINES));
    const damaged = Buffer.from(packed).fill(0x55, 100_000, 100_100);
    for (const bytes of [damaged, packed.subarray(0, -5), Buffer.alloc(0), Buffer.from('plain text')]) {
      const { pieces, state } = source(bytes);
      const error = await collect(decompress(pieces, compression)).catch((thrown: unknown) => thrown);
      expect(error).toSatisfy(isDecompressionError);
      expect(state.isClosed).toBe(true);
    }
  },
);

test('what follows the end is read, too: whoever counts the source sees all of it', async () => {
  const { pieces, state } = source(Buffer.concat([zstdCompressSync(LINES), Buffer.alloc(100_000, 'x')]));
  expect((await collect(decompress(pieces, 'zstd'))).length).toBe(LINES.length);
  expect(state.read).toBeGreaterThan(zstdCompressSync(LINES).length + 90_000);
});
