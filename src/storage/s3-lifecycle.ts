/** The lifecycle rules of a bucket. */
import { createHash } from 'node:crypto';
import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import type { S3Config } from '../config/schema.ts';
import { providerProfile } from './provider-profile.ts';
import { createS3Client } from './s3-client.ts';
import { toS3Error } from './s3-errors.ts';

export interface BucketLifecycle extends Disposable {
  get(signal: AbortSignal): Promise<LifecycleRule[]>;
  /** In the place of all rules that there are. */
  put(rules: readonly LifecycleRule[], signal: AbortSignal): Promise<void>;
}

/** Throws the system's error where `tls_ca_file` cannot be read; its calls throw as those of the store. */
export async function openBucketLifecycle(s3: S3Config): Promise<BucketLifecycle> {
  const profile = providerProfile(s3);
  const client = await createS3Client(s3, profile);
  // Servers that do not know the SDK's own checksums ask for this one.
  client.middlewareStack.add(
    (next) => (args) => {
      const { headers, body } = args.request as {
        headers: Record<string, string>;
        body?: string | Uint8Array;
      };
      if (body) headers['content-md5'] = createHash('md5').update(body).digest('base64');
      return next(args);
    },
    { step: 'build', name: 'chatlogContentMd5', priority: 'low' },
  );
  const call = async <T>(what: string, request: () => Promise<T>): Promise<T> => {
    try {
      return await request();
    } catch (error) {
      const name = `s3://${s3.bucket} (${profile.label})`;
      throw toS3Error(error, what, name, Date.now());
    }
  };
  return {
    get: async (signal) => {
      const command = new GetBucketLifecycleConfigurationCommand({ Bucket: s3.bucket });
      try {
        return (await client.send(command, { abortSignal: signal })).Rules ?? [];
      } catch (error) {
        if ((error as { name?: string }).name === 'NoSuchLifecycleConfiguration') return [];
        return call('read the lifecycle rules', () => Promise.reject(error));
      }
    },
    put: async (rules, signal) => {
      const input = { Bucket: s3.bucket, LifecycleConfiguration: { Rules: [...rules] } };
      const command = new PutBucketLifecycleConfigurationCommand(input);
      await call('write the lifecycle rules', () => client.send(command, { abortSignal: signal }));
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}
