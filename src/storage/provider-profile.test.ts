import { expect, test } from 'vitest';
import { providerProfile } from './provider-profile.ts';

test.each([
  [undefined, 'aws', 'us-east-1', 'WHEN_SUPPORTED', false],
  ['https://s3.eu-west-1.amazonaws.com', 'aws', 'eu-west-1', 'WHEN_SUPPORTED', false],
  ['https://s3-us-gov-west-1.amazonaws.com', 'aws', 'us-gov-west-1', 'WHEN_SUPPORTED', false],
  ['https://0123456789abcdef.r2.cloudflarestorage.com', 'r2', 'auto', 'WHEN_REQUIRED', false],
  ['https://0123456789abcdef.eu.r2.cloudflarestorage.com', 'r2', 'auto', 'WHEN_REQUIRED', false],
  ['https://s3.eu-central-003.backblazeb2.com', 'b2', 'eu-central-003', 'WHEN_REQUIRED', false],
  ['https://fly.storage.tigris.dev', 'tigris', 'auto', 'WHEN_REQUIRED', false],
  ['https://t3.storage.dev', 'tigris', 'auto', 'WHEN_REQUIRED', false],
  ['http://127.0.0.1:9000', 'generic', 'us-east-1', 'WHEN_REQUIRED', true],
  ['https://evil-amazonaws.com', 'generic', 'us-east-1', 'WHEN_REQUIRED', true],
])('%s is %s in %s', (endpoint, provider, region, checksums, forcePathStyle) => {
  expect(providerProfile({ endpoint, region: 'auto' })).toMatchObject({
    provider,
    region,
    checksums,
    forcePathStyle,
  });
});

test('what the configuration says goes before the habit of the provider', () => {
  const profile = providerProfile({
    endpoint: 'http://10.0.0.7:7480',
    provider: 'ceph',
    region: 'garage',
    force_path_style: false,
  });
  expect(profile).toMatchObject({ provider: 'ceph', region: 'garage', forcePathStyle: false });
});

test('Tigris is asked for consistency, Backblaze is asked whether the key is free', () => {
  expect(providerProfile({ provider: 'tigris', region: 'auto' }).headers).toEqual({
    'X-Tigris-Consistent': 'true',
  });
  expect(providerProfile({ provider: 'b2', region: 'auto' })).toMatchObject({
    conditionalPuts: 'none',
    headFirst: true,
  });
});
