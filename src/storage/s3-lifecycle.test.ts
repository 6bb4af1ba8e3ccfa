import { afterAll, beforeAll, expect, test } from 'vitest';
import { startS3, type TestS3 } from '../../test/support/s3-server.ts';
import { lifecycleRules, mergeRules } from '../archive/cost/lifecycle-rules.ts';
import { openBucketLifecycle } from './s3-lifecycle.ts';

const never = new AbortController().signal;

let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.stop());

test('rules go to the bucket beside those of others, come back as they were, and are replaced by their own alone', async () => {
  using bucket = await openBucketLifecycle(s3.s3Config(await s3.createBucket()));
  expect(await bucket.get(never)).toEqual([]);
  const foreign = {
    ID: 'logs',
    Status: 'Enabled',
    Filter: { Prefix: 'logs/' },
    Expiration: { Days: 3 },
  } as const;
  await bucket.put([foreign], never);
  const wanted = lifecycleRules({
    prefix: 'a/',
    transitions: [{ days: 30, storageClass: 'STANDARD_IA' }],
    expireDays: 365,
  });
  const first = mergeRules(await bucket.get(never), wanted, 'a/');
  expect(first).toMatchObject({ added: wanted, removed: [], kept: [{ ID: 'logs' }] });
  await bucket.put(first.rules, never);
  expect(mergeRules(await bucket.get(never), wanted, 'a/')).toMatchObject({ added: [], removed: [] });
  const fewer = lifecycleRules({ prefix: 'a/', transitions: [], expireDays: undefined });
  const second = mergeRules(await bucket.get(never), fewer, 'a/');
  expect(second.removed.map(({ ID }) => ID).toSorted()).toEqual([
    'chatlog-expire-a',
    'chatlog-transition-standard-ia-a',
  ]);
  await bucket.put(second.rules, never);
  expect((await bucket.get(never)).map(({ ID }) => ID).toSorted()).toEqual([
    'chatlog-abort-incomplete-uploads-a',
    'logs',
  ]);
});

test('says what is wrong with a bucket that is not there', async () => {
  using bucket = await openBucketLifecycle(s3.s3Config('there-is-no-such-bucket'));
  await expect(bucket.get(never)).rejects.toMatchObject({ code: 'bucket_missing' });
});
