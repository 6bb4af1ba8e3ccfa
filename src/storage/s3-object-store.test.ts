import { afterAll, beforeAll, describe } from 'vitest';
import { startS3, type TestS3 } from '../../test/support/s3-server.ts';
import { memoryLogger } from '../../test/support/segments.ts';
import { testObjectStore } from './object-store.contract.ts';
import { createS3ObjectStore } from './s3-object-store.ts';

let server: TestS3;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

async function open(provider: 'ceph' | 'generic' | 'b2', singlePutMaxBytes = 16 * 1024 * 1024) {
  const s3 = server.s3Config(await server.createBucket(), { provider });
  return createS3ObjectStore(s3, { log: memoryLogger(), singlePutMaxBytes });
}

describe('with create-only puts', () => testObjectStore(() => open('ceph')));
describe('looking up each key before a put', () => testObjectStore(() => open('b2')));
