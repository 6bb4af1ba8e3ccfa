/**
 * The uploader before a real S3 server that fails as scripted: afterwards every segment is one object with its bytes,
 * nothing was overwritten, and nothing local went before it was verified.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fault, type FaultFront, startFaultFront } from '../../test/support/fault-front.ts';
import { startS3, type TestS3 } from '../../test/support/s3-server.ts';
import { collect, memoryLogger, sampleLines, sha256 } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { type Config, configSchema, type S3Config } from '../config/schema.ts';
import { openSpool, type Spool } from '../spool.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { createS3ObjectStore, type S3ObjectStoreOptions } from '../storage/s3-object-store.ts';
import { createUploader, type Uploader } from './uploader.ts';

const never = new AbortController().signal;
const segment = (index: number): string => `twitch_c${index}_20261121_1300.jsonl`;

let server: TestS3;
let front: FaultFront;
beforeAll(async () => {
  server = await startS3();
  front = await startFaultFront(server.endpoint);
});
afterAll(async () => {
  await front.close();
  await server.stop();
});

interface Bench {
  spool: Spool;
  bucket: string;
  truth: ObjectStore;
  /** Runs an uploader until `done`, then stops it. */
  until(
    what: string,
    done: (uploader: Uploader) => boolean,
    store?: Partial<S3ObjectStoreOptions>,
  ): Promise<void>;
}

async function withBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  await using directory = await tempDir('faults');
  const spool = await openSpool(directory.path);
  const bucket = await server.createBucket();
  const s3: Partial<S3Config> = {
    endpoint: front.url,
    provider: 'ceph',
    prefix: 'p/',
    socket_timeout_seconds: 0.4,
    attempt_timeout_seconds: 1,
  };
  const log = memoryLogger();
  const truth = await createS3ObjectStore(server.s3Config(bucket), { log, singlePutMaxBytes: 1e9 });
  const upload = { backoff: { min_seconds: 0.05, max_seconds: 0.2 }, concurrency: 3 };
  const config: Config = { ...configSchema.parse({ upload }), s3: server.s3Config(bucket, s3) };
  front.faults.length = 0;
  await work({
    spool,
    bucket,
    truth,
    until: async (what, done, storeOptions) => {
      const store = await createS3ObjectStore(config.s3!, { log, singlePutMaxBytes: 1e6, ...storeOptions });
      const uploader = createUploader({
        ...{ spool, store, config, log, now: Date.now, mayDelete: () => true, pollMs: 200 },
      });
      const stopping = new AbortController();
      const running = uploader.run(stopping.signal);
      await waitFor(what, () => done(uploader), {
        timeoutMs: 60_000,
        context: () => JSON.stringify(uploader.status()),
      });
      stopping.abort(new Error('enough'));
      await running;
      store.close();
    },
  });
  front.faults.length = 0;
  truth.close();
}

async function seal(spool: Spool, count: number): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for (let index = 0; index < count; index++) {
    const lines = sampleLines(1 + index * 7, `segment ${index}`);
    await writeFile(spool.path('sealed', segment(index)), lines);
    digests.set(`p/2026/11/21/twitch/c${index}/${segment(index)}.zst`, sha256(lines));
  }
  return digests;
}

/** What the server holds, as digests of the lines; every object exactly once by its key. */
async function stored(store: ObjectStore): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  for await (const { key } of store.list('', never)) {
    digests.set(key, sha256(zstdDecompressSync(await collect(store.get(key, never)))));
  }
  return digests;
}

const isWrite = ({ method }: { method?: string }): boolean => method === 'PUT';
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc.constantFrom<Fault>(
    { act: 'dropAfter' },
    { act: 'dropAfter', match: isWrite },
    { act: 'reset' },
    { act: 'hang' },
    { act: 'status', status: 403, code: 'AccessDenied' },
    { act: 'status', status: 500, code: 'InternalError' },
    { act: 'status', status: 503, code: 'SlowDown' },
    { act: 'status', status: 404, code: 'NoSuchBucket', match: isWrite },
    { act: 'status', status: 409, code: 'ConditionalRequestConflict', match: isWrite },
    { act: 'corruptRequest', match: isWrite },
    { act: 'editResponse', remove: /^x-amz-meta-/ },
  ),
  fc.nat(3000).map((bytes): Fault => ({ act: 'resetMidRequest', bytes, match: isWrite })),
);
const script = fc.array(
  fc.tuple(fault, fc.integer({ min: 1, max: 4 })).map(([one, times]): Fault => ({ ...one, times })),
  { minLength: 3, maxLength: 8 },
);

test('whatever the storage does for a while, in the end every segment is there once and whole', async () => {
  await fc.assert(
    fc.asyncProperty(script, (faults) =>
      withBench(async ({ spool, truth, until }) => {
        const expected = await seal(spool, 8);
        front.faults.push(...faults.map((one) => ({ ...one })));
        await until('eight objects', (uploader) => uploader.status().uploaded === 8);
        expect(await stored(truth)).toEqual(expected);
        expect(await readdir(spool.path('sealed'))).toEqual([]);
        expect(await readdir(spool.path('quarantine'))).toEqual([]);
      }),
    ),
    { numRuns: 4, endOnFailure: true },
  );
}, 120_000);

test('wrong credentials for a while lose nothing', async () => {
  await withBench(async ({ spool, truth, until }) => {
    const expected = await seal(spool, 5);
    const { accessKeyId, secretAccessKey } = server;
    let secret = 'wrong';
    const credentials = async () => ({ accessKeyId, secretAccessKey: secret });
    const done = (uploader: Uploader): boolean => {
      const { failedAttempts, uploaded, lastError } = uploader.status();
      if (secret === 'wrong' && failedAttempts >= 6) {
        expect(lastError).toContain('s3.access_key_id');
        expect(uploaded).toBe(0);
        secret = secretAccessKey;
      }
      return uploaded === 5;
    };
    await until('five objects', done, { credentials });
    expect(await stored(truth)).toEqual(expected);
  });
});

test('segments whose names are taken by other lines are stored beside them', async () => {
  await withBench(async ({ spool, truth, until }) => {
    const first = await seal(spool, 3);
    await until('three', (uploader) => uploader.status().uploaded === 3);
    const other = sampleLines(100, 'another machine');
    await writeFile(spool.path('sealed', segment(1)), other);
    front.faults.push({ act: 'dropAfter', match: isWrite, times: 2 });
    await until('a fourth', (uploader) => uploader.status().uploaded === 1);
    const beside = `p/2026/11/21/twitch/c1/twitch_c1_20261121_1300-${sha256(other).slice(0, 8)}.jsonl.zst`;
    expect(await stored(truth)).toEqual(new Map([...first, [beside, sha256(other)]]));
  });
});

test('a stop in the middle of everything leaves what the next start completes', async () => {
  await withBench(async ({ spool, truth, until }) => {
    const expected = await seal(spool, 12);
    for (const stopAt of [1, 2, 3]) {
      front.faults.push({ act: 'dropAfter', match: isWrite }, { act: 'hang', match: isWrite });
      await until('some', (uploader) => uploader.status().uploaded >= stopAt);
    }
    front.faults.length = 0;
    await until(
      'an empty spool',
      (uploader) => uploader.status().lastProgressMs !== undefined && uploader.status().sealedFiles === 0,
    );
    await waitFor('nothing sealed', async () => (await readdir(spool.path('sealed'))).length === 0);
    expect(await stored(truth)).toEqual(expected);
  });
});

test('segments too large for one put go in parts, and are left alone until they are verified', async () => {
  await withBench(async ({ spool, truth, until }) => {
    const noise = Buffer.from(
      Array.from(
        { length: 60_000 },
        () =>
          `{"r":"${Math.random()}${Math.random()}${Math.random()}${Math.random()}${Math.random()}${Math.random()}"}\n`,
      ).join(''),
    );
    await writeFile(spool.path('sealed', segment(0)), noise);
    const isComplete: Fault['match'] = ({ method, url }) =>
      method === 'POST' && (url ?? '').includes('uploadId=');
    front.faults.push({ act: 'dropAfter', match: isComplete, times: 3 });
    let seen = 0;
    const done = (uploader: Uploader): boolean => {
      seen = Math.max(seen, uploader.status().sealedBytes);
      return uploader.status().uploaded === 1;
    };
    await until('the object', done, { singlePutMaxBytes: 100_000 });
    expect([...(await stored(truth)).values()]).toEqual([sha256(noise)]);
    expect(await readFile(spool.path('sealed', segment(0))).catch(() => 'gone')).toBe('gone');
  });
}, 60_000);
