/** The S3 store before a real server, through a front that fails as scripted: after each fault, what is the object? */
import { readFile } from 'node:fs/promises';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testAuthority } from '../../test/support/certificates.ts';
import { type Fault, type FaultFront, startFaultFront } from '../../test/support/fault-front.ts';
import { startS3, type TestS3 } from '../../test/support/s3-server.ts';
import { collect, memoryLogger, sampleLines, writeObjectBody } from '../../test/support/segments.ts';
import { tempDir } from '../../test/support/temp-dir.ts';
import type { S3Config } from '../config/schema.ts';
import { compareObject } from './compare-object.ts';
import type { ObjectBody, ObjectStore } from './object-store.ts';
import { createS3ObjectStore, type S3ObjectStoreOptions } from './s3-object-store.ts';

const never = new AbortController().signal;
const key = '2026/11/21/twitch/xqc/twitch_xqc_20261121_1300.jsonl.zst';
const isPut = (request: { method?: string; url?: string }): boolean => request.method === 'PUT';
const isComplete = (request: { method?: string; url?: string }): boolean =>
  request.method === 'POST' && /[?&]uploadId=/.test(request.url ?? '');

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

interface Bench extends AsyncDisposable {
  bucket: string;
  body: ObjectBody;
  /** Through the front. */
  store: ObjectStore;
  /** The truth: what the server holds. */
  bytes(): Promise<Buffer | undefined>;
  log: ReturnType<typeof memoryLogger>;
}

async function bench(
  options: {
    faults?: Fault[];
    s3?: Partial<S3Config>;
    lines?: Buffer;
    plain?: boolean;
  } & Partial<S3ObjectStoreOptions> = {},
): Promise<Bench> {
  const { faults = [], s3, lines = sampleLines(500), plain, ...storeOptions } = options;
  const directory = await tempDir('s3');
  const bucket = await server.createBucket();
  const log = memoryLogger();
  const defaults = { log, singlePutMaxBytes: 1024 * 1024, ...storeOptions };
  const timeouts = { socket_timeout_seconds: 1, attempt_timeout_seconds: 2, provider: 'ceph' as const };
  const viaFront = server.s3Config(bucket, { ...timeouts, endpoint: front.url, ...s3 });
  const store = await createS3ObjectStore(viaFront, defaults);
  const direct = await createS3ObjectStore(server.s3Config(bucket), defaults);
  front.faults.splice(0, front.faults.length, ...faults);
  front.log.length = 0;
  return {
    bucket,
    store,
    log,
    body: await writeObjectBody(directory.join('body'), lines, plain),
    bytes: async () => ((await direct.head(key, never)) ? collect(direct.get(key, never)) : undefined),
    [Symbol.asyncDispose]: async () => {
      front.faults.length = 0;
      store.close();
      direct.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function expectStored(it: Bench): Promise<void> {
  expect((await it.bytes())?.equals(await readFile(it.body.path))).toBe(true);
  expect(await compareObject(it.store, key, it.body.description, never)).toBe('same');
}

test.each<[string, Fault[]]>([
  ['the reply of the put is lost', [{ act: 'dropAfter', match: isPut }]],
  ['the connection is reset at once', [{ act: 'reset', match: isPut }]],
  [
    'the connection is reset in the middle of the body',
    [{ act: 'resetMidRequest', bytes: 2000, match: isPut }],
  ],
  ['the server asks to slow down', [{ act: 'status', status: 503, code: 'SlowDown', match: isPut }]],
  ['the server has an internal error', [{ act: 'status', status: 500, code: 'InternalError', match: isPut }]],
  ['the body is damaged on the way', [{ act: 'corruptRequest', match: isPut }]],
  ['the body is damaged twice', [{ act: 'corruptRequest', match: isPut, times: 2 }]],
  [
    'another write is under way',
    [{ act: 'status', status: 409, code: 'ConditionalRequestConflict', match: isPut }],
  ],
  ['the reply hangs', [{ act: 'hang', match: isPut }]],
])('a put succeeds within one call when once %s', async (_fault, faults) => {
  await using it = await bench({ faults });
  expect(await it.store.put(key, it.body, never)).toBe('created');
  await expectStored(it);
});

test.each<[string, Fault, string]>([
  ['403', { act: 'status', status: 403, code: 'AccessDenied', times: 99 }, 'access_denied'],
  ['404 for the bucket', { act: 'status', status: 404, code: 'NoSuchBucket', times: 99 }, 'bucket_missing'],
  ['503', { act: 'status', status: 503, code: 'SlowDown', times: 99 }, 'throttled'],
  ['500', { act: 'status', status: 500, code: 'InternalError', times: 99 }, 'server_error'],
  [
    'a redirect to another region',
    { act: 'status', status: 301, code: 'PermanentRedirect', times: 99 },
    'wrong_region',
  ],
  ['507', { act: 'status', status: 507, code: 'InsufficientStorage', times: 99 }, 'storage_full'],
  ['resets', { act: 'reset', times: 99 }, 'unreachable'],
  ['silence', { act: 'hang', times: 99 }, 'timeout'],
])(
  '%s for longer than one call is told by its code and a hint, and later the put succeeds',
  async (_, fault, code) => {
    await using it = await bench({
      faults: [fault],
      s3: { socket_timeout_seconds: 0.2, attempt_timeout_seconds: 0.5 },
    });
    await expect(it.store.put(key, it.body, never)).rejects.toMatchObject({
      code,
      retryable: true,
      hint: expect.stringMatching(/\w+/),
    });
    front.faults.length = 0;
    expect(await it.store.put(key, it.body, never)).toBe('created');
    await expectStored(it);
  },
);

test('a server that drips is given up at the deadline, though it is never silent for long', async () => {
  await using it = await bench({ s3: { socket_timeout_seconds: 30, attempt_timeout_seconds: 0.5 } });
  await it.store.put(key, it.body, never);
  front.faults.push({ act: 'hangMidResponse', bytes: 100 });
  await expect(collect(it.store.get(key, never))).rejects.toMatchObject({ code: 'timeout' });
});

test.each<[string, Fault]>([
  ['is cut short', { act: 'truncate', bytes: 1000 }],
  ['falls silent in the middle', { act: 'hangMidResponse', bytes: 1000 }],
])('reading an object whose reply %s throws', async (_, fault) => {
  await using it = await bench({ s3: { socket_timeout_seconds: 0.3 } });
  await it.store.put(key, it.body, never);
  front.faults.push(fault);
  await expect(collect(it.store.get(key, never))).rejects.toMatchObject({ retryable: true });
});

test('an object whose metadata was dropped is verified by its bytes, and damage on the way back is seen', async () => {
  await using it = await bench();
  await it.store.put(key, it.body, never);
  const drop: Fault = {
    act: 'editResponse',
    remove: /^x-amz-meta-/,
    match: ({ method }) => method === 'HEAD',
  };
  front.faults.push({ ...drop });
  expect(await compareObject(it.store, key, it.body.description, never)).toBe('same');
  front.faults.push({ ...drop }, { act: 'corruptResponse', match: ({ method }) => method === 'GET' });
  expect(await compareObject(it.store, key, it.body.description, never)).toBe('different');
});

test('a put that finds its own earlier write is no conflict, one that finds other bytes is', async () => {
  await using it = await bench();
  expect(await it.store.put(key, it.body, never)).toBe('created');
  expect(await it.store.put(key, it.body, never)).toBe('created');
  await using directory = await tempDir();
  const other = await writeObjectBody(directory.join('other'), sampleLines(3, 'other'));
  expect(await it.store.put(key, other, never)).toBe('conflict');
  await expectStored(it);
});

test('where conditional puts are refused, keys are looked up instead, and that is told once', async () => {
  const isConditional = (request: { headers: object }): boolean => 'if-none-match' in request.headers;
  const refuse: Fault = {
    act: 'status',
    status: 501,
    code: 'NotImplemented',
    match: isConditional,
    times: 99,
  };
  await using it = await bench({ faults: [refuse] });
  expect(await it.store.put(key, it.body, never)).toBe('created');
  await using directory = await tempDir();
  const other = await writeObjectBody(directory.join('other'), sampleLines(3, 'other'));
  expect(await it.store.put(key, other, never)).toBe('conflict');
  expect(await it.store.put(`${key}2`, other, never)).toBe('created');
  expect(it.log.lines.filter(({ message }) => message.includes('no conditional puts'))).toHaveLength(1);
  await expectStored(it);
});

test('wrong credentials are refused, and taken into use once they are right', async () => {
  const { accessKeyId, secretAccessKey } = server;
  let secret = 'wrong';
  await using it = await bench({ credentials: async () => ({ accessKeyId, secretAccessKey: secret }) });
  await expect(it.store.put(key, it.body, never)).rejects.toMatchObject({ code: 'access_denied' });
  await expect(it.store.check(never)).rejects.toMatchObject({ code: 'access_denied' });
  secret = secretAccessKey;
  expect(await it.store.put(key, it.body, never)).toBe('created');
  await expectStored(it);
});

test.each([-2, 2])(
  'a clock that is %s hours off is corrected, for puts at the same time, too',
  async (hours) => {
    await using it = await bench({ clockOffsetMs: hours * 3_600_000 });
    expect(await it.store.head(key, never)).toBeUndefined();
    await using other = await bench({ clockOffsetMs: hours * 3_600_000 });
    const keys = Array.from({ length: 8 }, (_, index) => `${key}.${index}`);
    const outcomes = await Promise.all([key, ...keys].map((one) => other.store.put(one, other.body, never)));
    expect(outcomes).toEqual(Array.from({ length: 9 }, () => 'created'));
    await expectStored(other);
  },
);

test('a server whose clock makes no sense is told as such', async () => {
  const skewed: Fault = {
    act: 'status',
    status: 403,
    code: 'RequestTimeTooSkewed',
    headers: { date: 'Thu, 01 Jan 2015 00:00:00 GMT' },
    times: 99,
  };
  await using it = await bench({ faults: [skewed] });
  await expect(it.store.put(key, it.body, never)).rejects.toMatchObject({
    code: 'clock_skew',
    hint: expect.stringContaining('clock'),
  });
  front.faults.length = 0;
  expect(await it.store.put(key, it.body, never)).toBe('created');
});

test('a certificate is trusted where tls_ca_file says so, and only there', async () => {
  const authority = await testAuthority();
  const secure = await startFaultFront(server.endpoint, await authority.issue(['localhost']));
  try {
    const endpoint = secure.url;
    await using distrusting = await bench({ s3: { endpoint } });
    await expect(distrusting.store.put(key, distrusting.body, never)).rejects.toMatchObject({
      code: 'tls_error',
      hint: expect.stringContaining('tls_ca_file'),
    });
    await using trusting = await bench({ s3: { endpoint, tls_ca_file: authority.caFile } });
    expect(await trusting.store.put(key, trusting.body, never)).toBe('created');
    await expectStored(trusting);
  } finally {
    await secure.close();
  }
});

const large = (): { lines: Buffer; plain: boolean } => ({ lines: sampleLines(70_000), plain: true });

test('a large object goes in parts, with its metadata', async () => {
  await using it = await bench(large());
  let moved = 0;
  const body = { ...it.body, onProgress: () => moved++ };
  expect(await it.store.put(key, body, never)).toBe('created');
  expect(front.log.filter((line) => /partNumber=/.test(line)).length).toBeGreaterThan(1);
  expect(moved).toBeGreaterThan(1);
  await expectStored(it);
});

test.each<[string, Fault]>([
  ['the reply of the completion is lost', { act: 'dropAfter', match: isComplete }],
  ['the completion is refused once', { act: 'status', status: 503, code: 'SlowDown', match: isComplete }],
  ['the reply of a part is lost', { act: 'dropAfter', match: isPut }],
  ['a part is damaged on the way', { act: 'corruptRequest', match: isPut }],
])('a large object is stored whole when %s', async (_, fault) => {
  await using it = await bench({ ...large(), faults: [fault] });
  expect(await it.store.put(key, it.body, never)).toBe('created');
  await expectStored(it);
});

test('a large object never overwrites another', async () => {
  await using it = await bench();
  await it.store.put(key, it.body, never);
  await using directory = await tempDir();
  const other = await writeObjectBody(directory.join('large'), large().lines, true);
  expect(await it.store.put(key, other, never)).toBe('conflict');
  await expectStored(it);
});

test('an upload in parts that fails is taken back', async () => {
  await using it = await bench({
    ...large(),
    faults: [{ act: 'status', status: 400, code: 'InvalidArgument', match: isComplete, times: 9 }],
  });
  await expect(it.store.put(key, it.body, never)).rejects.toMatchObject({ retryable: true });
  expect(await unfinished(it.bucket)).toEqual([]);
});

test('of unfinished uploads, those of segments that are a day old are swept', async () => {
  let nowMs = Date.now();
  await using it = await bench({ now: () => nowMs });
  const client = s3Client();
  for (const one of [key, 'somebody/else', `${key}.not-ours`]) {
    await client.send(new CreateMultipartUploadCommand({ Bucket: it.bucket, Key: one }));
  }
  client.destroy();
  expect(await it.store.sweep?.(never)).toBe(0);
  nowMs += 25 * 3_600_000;
  expect(await it.store.sweep?.(never)).toBe(1);
  expect(await unfinished(it.bucket)).toEqual([`${key}.not-ours`, 'somebody/else'].sort());
});

test('an abort ends a hanging put at once with its reason', async () => {
  await using it = await bench({
    faults: [{ act: 'hang', times: 9 }],
    s3: { socket_timeout_seconds: 30, attempt_timeout_seconds: 60 },
  });
  const stopping = new AbortController();
  const putting = it.store.put(key, it.body, stopping.signal);
  stopping.abort(new Error('shutting down'));
  await expect(putting).rejects.toThrow('shutting down');
});

test('a file that changed since it was described is not stored', async () => {
  await using it = await bench();
  const description = { ...it.body.description, objectBytes: it.body.description.objectBytes + 1 };
  await expect(it.store.put(key, { ...it.body, description }, never)).rejects.toMatchObject({
    code: 'source_changed',
  });
  await expect(it.store.put(key, { ...it.body, path: '/nowhere' }, never)).rejects.toMatchObject({
    code: 'source_unreadable',
  });
  expect(await it.bytes()).toBeUndefined();
});

test('a large file that is gone is told as such', async () => {
  await using it = await bench({ singlePutMaxBytes: 1 });
  await expect(it.store.put(key, { ...it.body, path: '/nowhere' }, never)).rejects.toMatchObject({
    code: 'source_unreadable',
  });
});

test('the headers of the provider are sent and signed', async () => {
  await using it = await bench({ s3: { provider: 'tigris' } });
  const seen: unknown[] = [];
  front.faults.push({
    act: 'editRequest',
    headers: {},
    match: ({ headers }) => seen.push(headers) > 0,
    times: 9,
  });
  expect(await it.store.put(key, it.body, never)).toBe('created');
  expect(seen[0]).toMatchObject({
    'x-tigris-consistent': 'true',
    authorization: expect.stringContaining('x-tigris-consistent'),
  });
});

function s3Client(): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = server;
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
}

async function unfinished(bucket: string): Promise<string[]> {
  const client = s3Client();
  const page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
  client.destroy();
  return (page.Uploads ?? []).map((upload) => upload.Key ?? '').sort();
}
