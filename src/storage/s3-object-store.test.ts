import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startS3, type TestS3 } from '../../test/support/s3-server.ts';
import { memoryLogger, sampleLines, writeObjectBody } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { S3Config } from '../config/schema.ts';
import { testObjectStore } from './object-store.contract.ts';
import { createS3ObjectStore } from './s3-object-store.ts';

let server: TestS3;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

const key = '2026/11/21/twitch/xqc/twitch_xqc_20261121_1300.jsonl.zst';
const never = new AbortController().signal;

async function open(provider: 'ceph' | 'generic' | 'b2' | 'tigris', prefix = '') {
  const s3 = server.s3Config(await server.createBucket(), { provider, prefix });
  return { s3, store: await reopen(s3) };
}

function reopen(s3: S3Config) {
  return createS3ObjectStore(s3, { log: memoryLogger(), singlePutMaxBytes: 16 * 1024 * 1024 });
}

describe('with create-only puts', () => testObjectStore(async () => (await open('ceph')).store));
describe('looking up each key before a put', () => testObjectStore(async () => (await open('b2')).store));
describe('below a prefix', () => testObjectStore(async () => (await open('ceph', 'chat/logs/')).store));

test('the prefix of the configuration stands before every key', async () => {
  await using directory = await tempDir();
  const { s3, store } = await open('ceph', 'chat/logs/');
  await store.put(key, await writeObjectBody(directory.join('body'), sampleLines(3)), never);
  const bare = await reopen({ ...s3, prefix: '' });
  expect(await bare.head(`chat/logs/${key}`, never)).toBeDefined();
  expect(await bare.head(key, never)).toBeUndefined();
});

test('a write that comes between the look and the replacement is not overwritten', async () => {
  await using directory = await tempDir();
  const { s3, store } = await open('ceph');
  const rival = await reopen(s3);
  const before = await writeObjectBody(directory.join('before'), sampleLines(9, 'before'));
  const mine = await writeObjectBody(directory.join('mine'), sampleLines(8, 'mine'));
  const theirs = await writeObjectBody(directory.join('theirs'), sampleLines(7, 'theirs'));
  await store.put(key, before, never);
  const { objectSha256 } = before.description;
  const outcomes = await Promise.all([
    store.replace(key, mine, objectSha256, never),
    rival.replace(key, theirs, objectSha256, never),
  ]);
  expect(outcomes.sort()).toEqual(['changed', 'replaced']);
});

test('whoever has a presigned link reads the object without credentials', async () => {
  await using directory = await tempDir();
  const { store } = await open('tigris', 'p/');
  const body = await writeObjectBody(directory.join('body'), sampleLines(9));
  await store.put(key, body, never);
  const link = await store.presign!(key, 60);
  const answer = await fetch(link);
  expect(answer.status).toBe(200);
  expect(Buffer.from(await answer.arrayBuffer()).equals(await readFile(body.path))).toBe(true);
  const forged = await fetch(link.replace('1300', '1400'));
  expect(forged.status).toBe(403);
});
