/** Picks the storage that the configuration asks for. The SDK (some 15 MB) is loaded only where it is S3, when it is needed. */
import { resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { Logger } from '../lib/logger.ts';
import { deferredObjectStore } from './deferred-object-store.ts';
import type { ObjectStore } from './object-store.ts';
import { providerProfile } from './provider-profile.ts';

/**
 * Touches nothing yet: what is wrong with the storage is said by the first call that needs it, and by each after it.
 * @param access of a directory; only writing makes what is missing in it
 */
export function createObjectStore(
  config: Pick<Config, 's3' | 'archive' | 'upload'>,
  log: Logger,
  access: 'read' | 'write' = 'write',
): ObjectStore {
  const { s3, archive, upload } = config;
  if (!s3) {
    return deferredObjectStore({
      name: archive.directory,
      directory: resolve(archive.directory),
      create: async () => {
        const { createDirectoryObjectStore, readDirectoryObjectStore } = await import(
          './directory-object-store.ts'
        );
        const open = access === 'read' ? readDirectoryObjectStore : createDirectoryObjectStore;
        return open(archive.directory);
      },
    });
  }
  const { label, concurrencyMax } = providerProfile(s3);
  return deferredObjectStore({
    name: `s3://${s3.bucket} (${label})`,
    concurrencyMax,
    presigns: true,
    create: async () => {
      const { createS3ObjectStore } = await import('./s3-object-store.ts');
      return createS3ObjectStore(s3, { log, singlePutMaxBytes: upload.single_put_max_bytes });
    },
  });
}
