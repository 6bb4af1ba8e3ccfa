import { expect, test } from 'vitest';
import { ChatlogError } from '../../lib/errors.ts';
import type { LoadOutcome, SegmentChunk } from '../loader.ts';
import { type BatchPiece, ChunkBatch } from './chunk-batch.ts';

const never = new AbortController().signal;
const NOTHING: LoadOutcome = { inserted: 0, lines: 0, rejected: 0, stale: [] };

/** What became of each chunk, by name. */
function pieces(fates: Map<string, string>) {
  return (name: string, lines = 1): BatchPiece => ({
    chunk: {
      ...{ source: 's', name, platform: 'p', channel: 'c', startMs: 0, fromByte: 0, toByte: lines * 2 },
      lines: Array.from({ length: lines }, () => Buffer.from('x')),
    },
    loaded: () => void fates.set(name, 'loaded'),
    stale: () => void fates.set(name, 'stale'),
    refused: () => void fates.set(name, 'refused'),
  });
}

function batchOf(load: (chunks: readonly SegmentChunk[]) => Promise<LoadOutcome>): ChunkBatch {
  return new ChunkBatch({ load, linesMax: 10, bytesMax: 100 });
}

const namesOf = (chunks: readonly SegmentChunk[]) => chunks.map(({ name }) => name);

test('sends what fits into one transaction together, in order', async () => {
  const sent: string[][] = [];
  const fates = new Map<string, string>();
  const batch = batchOf(async (chunks) => {
    sent.push(namesOf(chunks));
    return { ...NOTHING, stale: [{ source: 's', name: 'b', bytes: 7 }] };
  });
  const piece = pieces(fates);
  for (const [name, lines] of [
    ['a', 4],
    ['b', 6],
    ['c', 1],
    ['d', 30],
    ['e', 1],
  ] as const)
    await batch.add(piece(name, lines), never);
  await batch.flush(never);
  expect(sent).toEqual([['a', 'b'], ['c'], ['d'], ['e']]);
  expect(Object.fromEntries(fates)).toEqual({
    a: 'loaded',
    b: 'stale',
    c: 'loaded',
    d: 'loaded',
    e: 'loaded',
  });
});

test('finds the one chunk that the database cannot take, and loads the others', async () => {
  const fates = new Map<string, string>();
  const batch = batchOf(async (chunks) => {
    if (namesOf(chunks).includes('bad')) throw Object.assign(new Error('invalid'), { code: '22021' });
    return NOTHING;
  });
  for (const name of ['a', 'bad', 'c']) await batch.add(pieces(fates)(name), never);
  await batch.flush(never);
  expect(Object.fromEntries(fates)).toEqual({ a: 'loaded', bad: 'refused', c: 'loaded' });
});

test('rejects where the database is away, and settles no chunk', async () => {
  const fates = new Map<string, string>();
  const away = new ChatlogError('database_unavailable', 'away', { retryable: true });
  let loads = 0;
  const batch = batchOf(async () => {
    loads++;
    throw away;
  });
  await batch.add(pieces(fates)('a', 10), never);
  await batch.add(pieces(fates)('b', 10), never);
  await expect(batch.flush(never)).rejects.toBe(away);
  await expect(batch.add(pieces(fates)('c', 10), never).then(() => batch.flush(never))).rejects.toBe(away);
  expect(loads).toBeLessThanOrEqual(2);
  expect(fates.size).toBe(0);
});

test('holds no more than a few batches, however fast they come', async () => {
  let underWay = 0;
  let most = 0;
  const batch = batchOf(async () => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setTimeout(resolve, 2));
    underWay--;
    return NOTHING;
  });
  const fates = new Map<string, string>();
  for (let n = 0; n < 20; n++) await batch.add(pieces(fates)(`s${n}`, 10), never);
  await batch.flush(never);
  expect(most).toBe(2);
  expect(fates.size).toBe(20);
});
