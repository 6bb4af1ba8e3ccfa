import { expect, test } from 'vitest';
import { lifecycleRules, mergeRules, parseTransition } from './lifecycle-rules.ts';

const OPTIONS = {
  prefix: 'logs/',
  transitions: [{ days: 30, storageClass: 'STANDARD_IA' }],
  expireDays: 400,
} as const;

test('rules are about segments alone but for unfinished uploads, and named after their prefix', () => {
  expect(lifecycleRules(OPTIONS)).toEqual([
    {
      ...{ ID: 'chatlog-abort-incomplete-uploads-logs', Status: 'Enabled', Filter: { Prefix: 'logs/' } },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    },
    {
      ...{ ID: 'chatlog-transition-standard-ia-logs', Status: 'Enabled', Filter: { Prefix: 'logs/20' } },
      Transitions: [{ Days: 30, StorageClass: 'STANDARD_IA' }],
    },
    {
      ...{ ID: 'chatlog-expire-logs', Status: 'Enabled', Filter: { Prefix: 'logs/20' } },
      Expiration: { Days: 400 },
    },
  ]);
  expect(lifecycleRules({ prefix: '', transitions: [], expireDays: undefined }).map(({ ID }) => ID)).toEqual([
    'chatlog-abort-incomplete-uploads',
  ]);
});

test('rules of others stay, also those of another archive in the same bucket', () => {
  const ours = lifecycleRules(OPTIONS);
  const theirs = lifecycleRules({ ...OPTIONS, prefix: '' });
  const foreign = { ID: 'chatlog-like', Status: 'Enabled' as const, Filter: { Prefix: 'x/' } };
  const change = mergeRules(
    [...theirs, foreign, { ...ours[2]!, Expiration: { Days: 7 } }, ours[0]!],
    ours,
    'logs/',
  );
  expect(change.removed).toMatchObject([{ ID: 'chatlog-expire-logs', Expiration: { Days: 7 } }]);
  expect(change.added).toEqual([ours[1], ours[2]]);
  expect(change.rules).toEqual([...theirs, foreign, ours[0], ours[1], ours[2]]);
  expect(mergeRules(change.rules, ours, 'logs/')).toMatchObject({ added: [], removed: [] });
});

test.each([
  ['STANDARD_IA:30', { storageClass: 'STANDARD_IA', days: 30 }],
  ['glacier_ir:1', { storageClass: 'GLACIER_IR', days: 1 }],
  ['STANDARD_IA:29', { problem: expect.stringContaining('30 days') }],
  ['DEEP_ARCHIVE:90', { problem: expect.stringContaining('restored') }],
  ['STANDARD_IA', { problem: expect.stringContaining('such as') }],
  ['GLACIER_IR:0', { problem: expect.stringContaining('such as') }],
])('--transition %s', (text, expected) => {
  expect(parseTransition(text)).toEqual(expected);
});
