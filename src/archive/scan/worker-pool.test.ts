import { expect, it } from 'vitest';
import { WorkerPool } from './worker-pool.ts';

it('gives tasks to threads and their values back, transferring what it is told to', async () => {
  await using pool = new WorkerPool({ size: 2 });
  const inputs = [1, 2, 3, 4, 5].map((value) => new Uint8Array(1_000).fill(value));
  const outputs = await Promise.all(inputs.map((bytes) => pool.run('echo', { bytes }, [bytes.buffer])));
  expect(outputs.map((bytes) => bytes[999])).toEqual([1, 2, 3, 4, 5]);
  expect(inputs.every(({ byteLength }) => byteLength === 0)).toBe(true);
});

it('fails as the task did, with code and hint, and goes on', async () => {
  await using pool = new WorkerPool({ size: 1 });
  const bytes = new Uint8Array(1);
  await expect(pool.run('echo', { bytes, failure: 'no_luck' })).rejects.toMatchObject({
    code: 'no_luck',
    hint: 'ask for less',
  });
  expect(await pool.run('echo', { bytes })).toEqual(bytes);
});

it('fails what a thread that ended had in hand, and begins another', async () => {
  await using pool = new WorkerPool({ size: 1 });
  const bytes = new Uint8Array(1);
  await expect(pool.run('echo', { bytes, failure: 'exit' })).rejects.toMatchObject({ code: 'worker_failed' });
  expect(await pool.run('echo', { bytes })).toEqual(bytes);
});
