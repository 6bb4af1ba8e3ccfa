import { expect, it } from 'vitest';
import { memoryLogger } from '../../test/support/segments.ts';
import { configSchema } from '../config/schema.ts';
import { openArchive } from './open-archive.ts';

const log = memoryLogger();
const env = {
  AWS_ENDPOINT_URL_S3: 'https://account.r2.cloudflarestorage.com',
  AWS_ACCESS_KEY_ID: 'k',
  AWS_SECRET_ACCESS_KEY: 's',
};

it('takes a bucket’s endpoint and keys from the environment, or from the configuration where there is one', async () => {
  const place = 's3://chats/old';
  const bare = await openArchive({ place, config: undefined, log, access: 'read', env });
  expect(bare.name).toBe('s3://chats (Cloudflare R2)');
  const config = configSchema.parse({
    s3: { bucket: 'now', endpoint: 'https://s3.us-west-004.backblazeb2.com' },
  });
  const configured = await openArchive({ place, config, log, access: 'read', env });
  expect(configured.name).toBe('s3://chats (Backblaze B2)');
  expect((await openArchive({ place: undefined, config, log, access: 'read' })).name).toBe(
    's3://now (Backblaze B2)',
  );
  const signed = await bare.presign!('2026/key', 60);
  expect(signed).toContain('/old/2026/key');
});
